//! The status file, which a signal asks for.

use std::path::Path;

/// Puts `text` into `path` in one step, so that a reader never sees half of it. A failure is logged.
pub fn write(path: &Path, text: &str) {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let written = std::fs::write(&temporary, text).and_then(|()| std::fs::rename(&temporary, path));
    if let Err(error) = written {
        let path = path.display();
        tracing::error!(%path, %error, "cannot write the status file; see --status-file");
    }
}
