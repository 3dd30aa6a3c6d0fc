//! Why the client cannot start or go on.

use std::io;
use std::path::PathBuf;

/// What ends the client. The message tells what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such port: this guest has no heartbeat channel.
    #[error(
        "{}: no such device; heartbeating is not configured for this instance", .0.display()
    )]
    NoDevice(PathBuf),
    /// Another process has the port open.
    #[error("{}: another client has it; stop that one first", .0.display())]
    Busy(PathBuf),
    /// The path names something else.
    #[error("{}: neither a character device nor a UNIX socket", .0.display())]
    NotAChannel(PathBuf),
    /// The port went away while it was in use.
    #[error("{}: the device was unplugged", .0.display())]
    Unplugged(PathBuf),
    /// The port cannot be used.
    #[error("{}: {source}", path.display())]
    Device {
        /// The port.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// The configuration file cannot be read.
    #[error("{}: {source}", path.display())]
    ConfUnreadable {
        /// The file.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// The configuration file has mistakes, which were named.
    #[error(
        "{}: {mistakes} line{} cannot be used", path.display(), if *mistakes == 1 { "" } else { "s" }
    )]
    Conf {
        /// The file.
        path: PathBuf,
        /// How many of its lines are wrong.
        mistakes: usize,
    },
    /// Applications cannot be served.
    #[error("--api-socket {}: {why}", path.display())]
    Applications {
        /// The socket.
        path: PathBuf,
        /// What is wrong, and what to do about it.
        why: String,
    },
    /// The kernel refuses what every process needs.
    #[error("cannot start: {0}")]
    Runtime(io::Error),
}

impl Error {
    /// The exit status for it: 6 is "not configured", which tells the service manager not to start
    /// the client again.
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::NoDevice(_) => 6,
            _ => 1,
        }
    }
}
