//! Who gets what: the files that the packages put into the image of each role.
//!
//! `packaging/images/ROLE/image.inc` names the packages of an image, one a line; `filter_out` beside
//! it what is left out again: packages by name, files by a path that ends with `*` if it stands
//! for all that begins so.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use crate::package::Package;

/// Kinds of machine that images are made for.
pub const ROLES: [&str; 4] = ["controller", "compute", "all-in-one", "guest"];

/// What an image gets of this workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its packages.
    pub packages: BTreeSet<String>,
    /// Their files, less those that are left out.
    pub files: BTreeSet<PathBuf>,
}

/// Resolves a role's manifest. `folder`: where the roles' folders are.
pub fn resolve(folder: &Path, role: &str, packages: &[Package]) -> anyhow::Result<Image> {
    let included = lines(&folder.join(role).join("image.inc"))?;
    let filters = lines(&folder.join(role).join("filter_out"))?;
    let (paths, left_out): (Vec<_>, Vec<_>) =
        filters.into_iter().partition(|line| line.starts_with('/'));
    for name in included.iter().chain(&left_out) {
        let known = packages.iter().any(|package| package.deb.name == *name);
        ensure!(known, "{role}: there is no package {name}");
    }
    let chosen = |package: &&Package| {
        included.contains(&package.deb.name) && !left_out.contains(&package.deb.name)
    };
    let chosen: Vec<&Package> = packages.iter().filter(chosen).collect();
    refuse_conflicts(role, &chosen)?;
    let files = chosen.iter().flat_map(|package| &package.deb.assets);
    let files: BTreeSet<PathBuf> = files.map(super::package::Asset::installed).collect();
    for path in &paths {
        ensure!(files.iter().any(|file| stands_for(path, file)), "{role}: nothing is {path}");
    }
    Ok(Image {
        packages: chosen.iter().map(|package| package.deb.name.clone()).collect(),
        files: files.into_iter().filter(|file| !any_stands_for(&paths, file)).collect(),
    })
}

fn refuse_conflicts(role: &str, chosen: &[&Package]) -> anyhow::Result<()> {
    for package in chosen {
        for other in package.deb.conflicts.split(',').map(str::trim) {
            let both = chosen.iter().any(|package| package.deb.name == other);
            ensure!(!both, "{role}: {} and {other} exclude each other", package.deb.name);
        }
    }
    Ok(())
}

fn any_stands_for(patterns: &[String], file: &Path) -> bool {
    patterns.iter().any(|pattern| stands_for(pattern, file))
}

fn stands_for(pattern: &str, file: &Path) -> bool {
    let file = file.as_os_str().as_encoded_bytes();
    match pattern.strip_suffix('*') {
        Some(start) => file.starts_with(start.as_bytes()),
        None => file == pattern.as_bytes(),
    }
}

fn lines(path: &Path) -> anyhow::Result<Vec<String>> {
    let text = crate::read(path).context("each role has image.inc and filter_out")?;
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    Ok(lines.filter(|line| !line.is_empty()).map(str::to_owned).collect())
}
