//! The command line.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use protocol::channel::Name;

use super::Error;
use super::applications::{Applications, Place, Refused};
use super::conf::{Source, Values};
use super::poller::Poller;
use crate::app::SOCKET;

const DEVICE: &str = "/dev/virtio-ports/cgcs.heartbeat";
const CONFIG: &str = "/etc/guest-client/heartbeat/guest_heartbeat.conf";
/// In place of a path: applications are not served.
const NO_API_SOCKET: &str = "none";

/// What the client of a guest is told when it is started.
#[derive(Debug, Clone, Args)]
pub struct Flags {
    /// Port to the host: a virtio-serial device, or a UNIX socket to connect to
    #[arg(long, value_name = "PATH", default_value = DEVICE)]
    pub device: PathBuf,
    /// Name of this guest in the host's messages [default: the host name]
    #[arg(long)]
    pub name: Option<String>,
    /// Settings, as KEY=VALUE lines [default: /etc/guest-client/heartbeat/guest_heartbeat.conf]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Says what is wrong with the settings and which values count, and ends: status 0 if the client
    /// can start with them, else 1
    #[arg(long)]
    pub check_config: bool,
    /// Where applications register.
    #[arg(
        long,
        value_name = "PATH",
        help = "Where applications register; \"none\": nowhere \
                [default: /var/run/.guest_heartbeat_api]"
    )]
    pub api_socket: Option<PathBuf>,
    /// Group, by name or number, whose members' applications may register [default: root's only]
    #[arg(long, value_name = "GROUP")]
    pub api_group: Option<String>,
    /// How log lines are written to standard error
    #[arg(long, global = true, value_enum, default_value = "text")]
    pub log_format: LogFormat,
    /// How much is logged
    #[arg(long, global = true, value_enum, default_value = "info")]
    pub log_level: LogLevel,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// An object a line.
    Json,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// Only what ends the client.
    Error,
    /// What an administrator should look at.
    Warn,
    /// Each change of state.
    Info,
    /// Each attempt to reach the host.
    Debug,
}

impl Flags {
    /// Where the settings are.
    pub(super) fn source(&self) -> Source {
        Source::new(self.config.as_deref(), Path::new(CONFIG))
    }

    /// The settings together with the name.
    pub(super) fn named(&self, mut values: Values) -> Values {
        values.channel.name = match &self.name {
            Some(name) => Name::new(name),
            None => Name::new(&rustix::system::uname().nodename().to_string_lossy()),
        };
        values
    }

    /// The socket of the applications. That the system has no place for one, or does not let us have
    /// it, is no reason not to heartbeat, unless it was asked for.
    pub(super) fn applications(&self, poller: &Poller) -> Result<Option<Applications>, Error> {
        let path = self.api_socket.as_deref().unwrap_or(Path::new(SOCKET));
        if path == Path::new(NO_API_SOCKET) {
            return Ok(None);
        }
        let asked = self.api_socket.is_some() || self.api_group.is_some();
        match Place::take(path, self.api_group.as_deref()) {
            Ok(place) => Applications::new(place, poller).map(Some).map_err(Error::Runtime),
            Err(refused) if asked || matches!(refused, Refused::Live) => {
                Err(Error::Applications { path: path.to_owned(), why: refused.to_string() })
            }
            Err(refused) => {
                tracing::warn!("{}: {refused}; applications are not served", path.display());
                Ok(None)
            }
        }
    }
}
