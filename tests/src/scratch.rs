//! A folder of a test's own.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// What a folder's path may have, in bytes, so that sockets fit below it.
const PATH_MAX: usize = 22;

/// A temporary folder; removed when this is dropped.
#[derive(Debug)]
pub struct Scratch(TempDir);

impl Scratch {
    /// A new and empty one with a short path.
    pub fn new() -> Self {
        let usual = std::env::temp_dir();
        let name = "t-123456".len() + 1;
        let parent = if usual.as_os_str().len() + name <= PATH_MAX { usual } else { "/tmp".into() };
        let dir = tempfile::Builder::new().prefix("t-").tempdir_in(parent);
        Self(dir.expect("a temporary folder can be made"))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// A new folder in it.
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.file(name);
        std::fs::create_dir(&path).expect("a folder can be made in a new folder");
        path
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.path().read_dir().is_ok_and(|mut entries| entries.next().is_none())
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}
