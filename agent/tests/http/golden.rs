//! The golden files of the protocol crate: an HTTP message as its first line, an empty line and the
//! body.

use std::fs;
use std::path::Path;

/// One message.
pub(crate) struct Golden {
    pub(crate) name: String,
    /// Method and path, or the status.
    pub(crate) first_line: String,
    pub(crate) body: Option<Vec<u8>>,
}

impl Golden {
    /// Method and path of a request.
    pub(crate) fn target(&self) -> (&str, &str) {
        self.first_line.split_once(' ').expect("a request has a method and a path")
    }

    pub(crate) fn body(&self) -> &[u8] {
        self.body.as_deref().unwrap_or_default()
    }
}

/// The messages of a folder, in order of their names.
pub(crate) fn all(folder: &str) -> Vec<Golden> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/tests/golden/vim");
    let files = fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.is_file()).collect();
    files.sort();
    assert!(!files.is_empty(), "no golden files in {folder}");
    files.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Golden {
    let text = fs::read_to_string(path).unwrap();
    let (first_line, body) = match text.split_once("\n\n") {
        Some((first_line, body)) => (first_line, Some(body.trim_end().as_bytes().to_vec())),
        None => (text.trim_end(), None),
    };
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    Golden { name, first_line: first_line.to_owned(), body }
}
