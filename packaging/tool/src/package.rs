//! The packages, as the manifests of their crates describe them to cargo-deb.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use serde::Deserialize;
use serde_json::Value;

/// What cargo-deb and cargo-generate-rpm replace by the folder of the built programs.
pub const BUILT: &str = "target/release/";

/// One package.
#[derive(Debug, Clone)]
pub struct Package {
    /// Name of the crate that describes it.
    pub crate_name: String,
    /// Folder of that crate.
    pub folder: PathBuf,
    /// Version of the crate, without the package's own revision.
    pub version: String,
    /// One line.
    pub summary: String,
    /// What cargo-deb reads.
    pub deb: Deb,
}

/// `[package.metadata.deb]`, as far as it is used here.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Deb {
    /// The package's name.
    pub name: String,
    /// Who answers for it.
    pub maintainer: String,
    /// What it is for, in some lines.
    pub extended_description: String,
    /// Packages that cannot be installed beside it, comma separated.
    #[serde(default)]
    pub conflicts: String,
    /// Packages that are of use beside it, comma separated.
    #[serde(default)]
    pub recommends: String,
    /// Folder of the maintainer scripts, from the crate's.
    pub maintainer_scripts: Option<PathBuf>,
    /// Its files.
    pub assets: Vec<Asset>,
}

/// A file of a package: from where, to where, mode in octal digits.
#[derive(Debug, Clone, Deserialize)]
pub struct Asset(pub PathBuf, pub PathBuf, pub String);

impl Asset {
    /// Where the file is when it is installed.
    pub fn installed(&self) -> PathBuf {
        let name = self.0.file_name().unwrap_or_default();
        let is_folder = self.1.as_os_str().as_encoded_bytes().ends_with(b"/");
        Path::new("/").join(if is_folder { self.1.join(name) } else { self.1.clone() })
    }

    /// Whether an upgrade keeps what the operator made of it, as cargo-deb has it.
    pub fn is_config(&self) -> bool {
        self.installed().starts_with("/etc")
    }
}

/// All packages of this workspace.
pub fn packages() -> anyhow::Result<Vec<Package>> {
    let metadata = cargo_metadata(&["--no-deps"])?;
    let crates = metadata["packages"].as_array().context("cargo metadata lists packages")?;
    let described = crates.iter().filter(|found| found["metadata"]["deb"].is_object());
    let mut packages: Vec<Package> = described.map(package).collect::<anyhow::Result<_>>()?;
    packages.sort_by(|one, other| one.deb.name.cmp(&other.deb.name));
    Ok(packages)
}

fn package(found: &Value) -> anyhow::Result<Package> {
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    let name = text("name");
    let deb = Deb::deserialize(&found["metadata"]["deb"])
        .with_context(|| format!("[package.metadata.deb] of {name}"))?;
    let folder = PathBuf::from(text("manifest_path")).parent().unwrap_or(Path::new("/")).to_owned();
    Ok(Package {
        crate_name: name,
        folder,
        version: text("version"),
        summary: text("description"),
        deb,
    })
}

/// What `cargo metadata` says about the workspace.
pub(crate) fn cargo_metadata(more: &[&str]) -> anyhow::Result<Value> {
    let output = cargo(&["metadata", "--locked", "--format-version", "1"], more)?;
    serde_json::from_str(&output).context("cargo metadata is JSON")
}

/// What cargo prints.
pub(crate) fn cargo(arguments: &[&str], more: &[&str]) -> anyhow::Result<String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments).args(more).current_dir(crate::workspace());
    let output = command.output().context("cannot start cargo")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo {}: {errors}", arguments.join(" "));
    String::from_utf8(output.stdout).context("cargo prints UTF-8")
}
