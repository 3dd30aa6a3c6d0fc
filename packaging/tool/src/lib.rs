//! What `make packages` needs beside cargo-deb and cargo-generate-rpm.
//!
//! The `[package.metadata.deb]` tables of the workspace are the only list of what a package holds.
//! From them come the rpm's table ([`rpm`]) and the file set of each image ([`image`]). What the
//! tables name below `target/release/package` is made here: man pages and shell completions
//! ([`manual`]), copyright and licences ([`licences`]), the Debian changelog ([`changelog`]).

pub mod changelog;
pub mod image;
pub mod licences;
pub mod manual;
pub mod package;
pub mod rpm;

use std::path::{Path, PathBuf};

use anyhow::Context;

/// The workspace's folder.
pub fn workspace() -> PathBuf {
    // packaging/tool is two below it.
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new(".")).to_owned()
}

/// Reads a file; the error names it.
pub(crate) fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes a file and the folders above it; the error names it.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> anyhow::Result<()> {
    let folder = path.parent().context("a file is in a folder")?;
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, content))
        .with_context(|| format!("cannot write {}", path.display()))
}
