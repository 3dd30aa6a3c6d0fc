//! Where the demo happens: the programs, and a temporary folder that is removed at the end.

use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::Error;

const SERVER: &str = "guestServer";
const CLIENT: &str = "guest-client";
/// What a path of a socket may have, in bytes.
const SOCKET_PATH_MAX: usize = 107;
/// The longest that stands behind the temporary folder's parent: this folder's name, and what
/// guestServer reserves for a channel's name in its directory.
const LONGEST_REST: usize = "/demo-123456/channels".len() + 64;
/// Bytes of a log that an error message shows.
const LAST_WORDS: usize = 1500;

/// The real programs.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) server: PathBuf,
    pub(super) client: PathBuf,
}

impl Programs {
    pub(super) fn find(dir: &Path) -> Result<Self, Error> {
        let find = |name| {
            let path = std::path::absolute(dir.join(name)).unwrap_or_else(|_| dir.join(name));
            if path.is_file() { Ok(path) } else { Err(Error::NotBuilt(path)) }
        };
        Ok(Self { server: find(SERVER)?, client: find(CLIENT)? })
    }
}

/// The temporary folder. It is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    dir: TempDir,
}

impl Place {
    pub(super) fn make() -> io::Result<Self> {
        let place = Self { dir: tempfile::Builder::new().prefix("demo-").tempdir_in(parent())? };
        std::fs::create_dir(place.channels())?;
        std::fs::create_dir(place.devices())?;
        std::fs::create_dir(place.taps())?;
        std::fs::write(place.server_config(), "")?;
        Ok(place)
    }

    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn channels(&self) -> PathBuf {
        self.dir().join("channels")
    }

    pub(super) fn devices(&self) -> PathBuf {
        self.dir().join("devices")
    }

    fn taps(&self) -> PathBuf {
        self.dir().join("taps")
    }

    /// The socket that a guest's client is given as its device.
    pub(super) fn tap(&self, guest: &str) -> PathBuf {
        self.taps().join(guest)
    }

    pub(super) fn server_config(&self) -> PathBuf {
        self.dir().join("guestServer.ini")
    }

    pub(super) fn client_config(&self) -> PathBuf {
        self.dir().join("guest_heartbeat.conf")
    }

    pub(super) fn pid_file(&self) -> PathBuf {
        self.dir().join("guestServer.pid")
    }

    pub(super) fn status_file(&self) -> PathBuf {
        self.dir().join("guestServer.info")
    }

    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.dir().join(format!("{name}.log"))
    }

    /// The end of a process's log, for an error message.
    pub(super) fn last_words(&self, name: &str) -> String {
        let log = std::fs::read(self.log(name)).unwrap_or_default();
        let end = &log[log.len().saturating_sub(LAST_WORDS)..];
        String::from_utf8_lossy(end).trim().to_owned()
    }
}

/// The usual folder for temporary files, unless sockets in it would have too long a path.
fn parent() -> PathBuf {
    let usual = std::env::temp_dir();
    if usual.as_os_str().len() + LONGEST_REST <= SOCKET_PATH_MAX { usual } else { "/tmp".into() }
}
