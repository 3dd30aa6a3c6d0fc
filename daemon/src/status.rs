//! The status file, which a signal asks for.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// Puts `text` into `path` in one step, so that a reader never sees half of it. A failure is logged.
pub fn write(path: &Path, text: &str) {
    if let Err(error) = replace(path, text) {
        let path = path.display();
        tracing::error!(%path, %error, "cannot write the status file; see --status-file");
    }
}

/// As [`write`], but fails. Follows no link: the directory may be somebody's whom a daemon that runs as
/// root must not be led astray by.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    File::create_new(&temporary)?.write_all(text.as_bytes())?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_somebody_put_there_lead_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("precious"), "kept").unwrap();
        for name in ["info", "info.new"] {
            std::os::unix::fs::symlink(path("precious"), path(name)).unwrap();
        }
        replace(&path("info"), "ok\n").unwrap();
        assert_eq!(fs::read_to_string(path("precious")).unwrap(), "kept");
        assert_eq!(fs::read_to_string(path("info")).unwrap(), "ok\n");
        assert!(!path("info").is_symlink() && !path("info.new").exists());
    }
}
