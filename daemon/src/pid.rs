//! The file with the process id.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::status::replace;

/// Holds the process id while it lives; removed when dropped.
#[derive(Debug)]
pub struct PidFile(Option<PathBuf>);

impl PidFile {
    /// Writes the file, over a stale one if there is any. Unless `needed`, a place without write
    /// permission only costs the file.
    pub fn write(path: &Path, needed: bool) -> anyhow::Result<Self> {
        match replace(path, &format!("{}\n", std::process::id())) {
            Ok(()) => Ok(Self(Some(path.to_owned()))),
            Err(error) if !needed => {
                let path = path.display();
                tracing::warn!(%path, %error, "no pid file; name another place with --pid-file");
                Ok(Self(None))
            }
            Err(error) => {
                Err(error).with_context(|| format!("cannot write the pid file {}", path.display()))
            }
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let Some(path) = self.0.take() else { return };
        let ours = fs::read_to_string(&path)
            .is_ok_and(|text| text.trim() == std::process::id().to_string());
        if ours && let Err(error) = fs::remove_file(&path) {
            tracing::warn!(path = %path.display(), %error, "cannot remove the pid file");
        }
    }
}
