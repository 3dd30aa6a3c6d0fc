//! Where the demo happens: the programs, and a temporary folder that is removed at the end.

use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::Error;
use super::roles::HOSTS;

const AGENT: &str = "guestAgent";
const SERVER: &str = "guestServer";
const CLIENT: &str = "guest-client";
/// What a path of a socket may have, in bytes.
const SOCKET_PATH_MAX: usize = 107;
/// The longest that stands behind the temporary folder's parent: this folder's name, and what
/// guestServer reserves for a channel's name in its directory.
const LONGEST_REST: usize = "/demo-123456/channels-1".len() + 64;
/// Bytes of a log that an error message shows.
const LAST_WORDS: usize = 1500;

/// The real programs.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) agent: PathBuf,
    pub(super) server: PathBuf,
    pub(super) client: PathBuf,
}

impl Programs {
    pub(super) fn find(dir: &Path) -> Result<Self, Error> {
        let find = |name| {
            let path = std::path::absolute(dir.join(name)).unwrap_or_else(|_| dir.join(name));
            if path.is_file() { Ok(path) } else { Err(Error::NotBuilt(path)) }
        };
        Ok(Self { agent: find(AGENT)?, server: find(SERVER)?, client: find(CLIENT)? })
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
        for host in 0..HOSTS {
            std::fs::create_dir(place.channels(host))?;
        }
        for folder in [place.devices(), place.taps(), place.application_sockets(), place.scripts()]
        {
            std::fs::create_dir(folder)?;
        }
        Ok(place)
    }

    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where a host's guestServer looks for channels.
    pub(super) fn channels(&self, host: usize) -> PathBuf {
        self.dir().join(format!("channels-{host}"))
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

    fn application_sockets(&self) -> PathBuf {
        self.dir().join("api")
    }

    /// The socket that a guest's client serves applications on.
    pub(super) fn application_socket(&self, guest: &str) -> PathBuf {
        self.application_sockets().join(guest)
    }

    /// The scripts of all guests.
    pub(super) fn scripts(&self) -> PathBuf {
        self.dir().join("scripts")
    }

    /// A file that is never there.
    pub(super) fn absent(&self) -> PathBuf {
        self.dir().join("absent")
    }

    /// The configuration of a daemon or a client.
    pub(super) fn config(&self, name: &str) -> PathBuf {
        self.dir().join(format!("{name}.conf"))
    }

    /// It is there while a daemon listens.
    pub(super) fn pid_file(&self, name: &str) -> PathBuf {
        self.dir().join(format!("{name}.pid"))
    }

    pub(super) fn status_file(&self, name: &str) -> PathBuf {
        self.dir().join(format!("{name}.info"))
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
