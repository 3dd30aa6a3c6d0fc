//! cargo-generate-rpm's table, from cargo-deb's.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::package::{Asset, BUILT, Package};

/// Scriptlets of an rpm and the Debian maintainer script that is each of them. The scripts
/// understand the arguments of both (packaging/scripts).
const SCRIPTS: [(&str, &str); 3] = [
    ("post_install_script", "postinst"),
    ("pre_uninstall_script", "prerm"),
    ("post_uninstall_script", "postrm"),
];

/// What the scripts of a daemon with a user of its own need.
const USERADD: &str = "/usr/sbin/useradd";

/// The table for one package, as a TOML file.
pub fn table(package: &Package) -> String {
    let mut table = Table::new();
    let mut set = |key: &str, value: Value| table.insert(key.to_owned(), value);
    set("name", package.deb.name.clone().into());
    set("summary", package.summary.clone().into());
    set("description", package.deb.extended_description.clone().into());
    set("vendor", package.deb.maintainer.clone().into());
    set("release", "1".into());
    let has_user = package.deb.assets.iter().any(|asset| asset.1.starts_with("usr/lib/sysusers.d"));
    set("requires", names(if has_user { USERADD } else { "" }));
    set("conflicts", names(&package.deb.conflicts));
    set("recommends", names(&package.deb.recommends));
    let entries = package.deb.assets.iter().map(|asset| entry(package, asset));
    set("assets", Value::Array(entries.collect()));
    for (scriptlet, script) in SCRIPTS {
        if let Some(path) = script_path(package, script) {
            set(scriptlet, path.display().to_string().into());
        }
    }
    table.to_string()
}

fn entry(package: &Package, asset: &Asset) -> Value {
    let mut entry = Table::new();
    let mut set = |key: &str, value: String| entry.insert(key.to_owned(), value.into());
    set("source", source(package, &asset.0).display().to_string());
    set("dest", asset.installed().display().to_string());
    set("mode", asset.2.clone());
    if asset.is_config() {
        set("config", "noreplace".to_owned());
    }
    if asset.installed().starts_with("/usr/share/doc") {
        entry.insert("doc".to_owned(), true.into());
    }
    entry.into()
}

/// A source may be built, and stays as it is then; others are found from anywhere.
fn source(package: &Package, path: &Path) -> PathBuf {
    if path.starts_with(BUILT) { path.to_owned() } else { package.folder.join(path) }
}

fn script_path(package: &Package, script: &str) -> Option<PathBuf> {
    let path = package.folder.join(package.deb.maintainer_scripts.as_ref()?).join(script);
    path.is_file().then_some(path)
}

/// `one, other` of a Debian field: any version of each.
fn names(field: &str) -> Value {
    let names = field.split(',').map(str::trim).filter(|name| !name.is_empty());
    Value::Table(names.map(|name| (name.to_owned(), "*".into())).collect())
}
