//! The copyright file of a package, and the licences of the crates that are linked into it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;

use crate::package::{Package, cargo, cargo_metadata};

/// How a crate's licence files begin.
const NAMES: [&str; 5] = ["license", "licence", "copying", "notice", "unlicense"];

/// A crate of somebody else's that is linked into a package.
#[derive(Debug, Clone)]
pub struct Crate {
    name: String,
    version: String,
    licence: String,
    folder: PathBuf,
}

/// The machine-readable copyright file.
pub fn copyright(package: &Package) -> String {
    format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
         Upstream-Name: guest-heartbeat\n\
         Comment:\n \
         The programs are linked with Rust's standard library (MIT or Apache-2.0), a static one\n \
         with the GNU C library (LGPL-2.1-or-later) as well, and with the crates that\n \
         /usr/share/doc/{}/third-party.gz lists with their licences.\n\
         \n\
         Files: *\n\
         Copyright: 2026 the contributors of guest-heartbeat\n\
         License: Apache-2.0\n\
         \n\
         License: Apache-2.0\n \
         Licensed under the Apache License, Version 2.0 (the \"License\"); you may not use this\n \
         software except in compliance with the License. It is distributed on an \"AS IS\" BASIS,\n \
         WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.\n \
         .\n \
         On Debian systems the full text is in /usr/share/common-licenses/Apache-2.0.\n",
        package.deb.name
    )
}

/// The crates that are linked into a workspace member's programs, in the order of their names.
pub fn linked(member: &str, target: &str) -> anyhow::Result<Vec<Crate>> {
    let tree = cargo(
        &["tree", "--locked", "--edges", "normal", "--prefix", "none", "--no-dedupe"],
        &["--format", "{p}", "--package", member, "--target", target],
    )?;
    let metadata = cargo_metadata(&["--filter-platform", target])?;
    let all = metadata["packages"].as_array().context("cargo metadata lists packages")?;
    let mut crates: Vec<Crate> = all
        .iter()
        .filter(|found| found["source"].is_string())
        .filter_map(|found| described(found).filter(|found| tree_has(&tree, found)))
        .collect();
    crates.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
    Ok(crates)
}

fn described(found: &Value) -> Option<Crate> {
    Some(Crate {
        name: found["name"].as_str()?.to_owned(),
        version: found["version"].as_str()?.to_owned(),
        licence: found["license"].as_str().unwrap_or("see its licence file").to_owned(),
        folder: Path::new(found["manifest_path"].as_str()?).parent()?.to_owned(),
    })
}

fn tree_has(tree: &str, found: &Crate) -> bool {
    let line = format!("{} v{}", found.name, found.version);
    tree.lines().any(|other| {
        other.strip_prefix(&line).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    })
}

/// All licence texts of these crates, each text once.
pub fn texts(crates: &[Crate]) -> anyhow::Result<String> {
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut text = String::from("Crates that are linked into this package\n\n");
    for found in crates {
        let name = format!("{} {}", found.name, found.version);
        writeln!(text, "{name}: {}", found.licence)?;
        for licence in licence_files(&found.folder)? {
            users.entry(licence).or_default().push(name.clone());
        }
    }
    for (licence, crates) in users {
        write!(text, "\n{:=<79}\n{}\n\n{}\n", "", crates.join(", "), licence.trim_end())?;
    }
    Ok(text)
}

fn licence_files(folder: &Path) -> anyhow::Result<Vec<String>> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read {}: run cargo fetch", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.is_file() && is_licence(path))
        .collect();
    paths.sort();
    // Some are Latin-1.
    let read = |path: &PathBuf| {
        std::fs::read(path)
            .map(|bytes| String::from_utf8_lossy(&bytes).replace('\r', ""))
            .with_context(|| format!("cannot read {}", path.display()))
    };
    paths.iter().map(read).collect()
}

fn is_licence(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    NAMES.iter().any(|start| name.starts_with(start))
}
