//! The command line.

use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use protocol::channel::Name;

use super::{Error, conf};
use crate::core::Config;

const DEVICE: &str = "/dev/virtio-ports/cgcs.heartbeat";
const CONFIG: &str = "/etc/guest-client/heartbeat/guest_heartbeat.conf";

/// Heartbeat client of this guest: answers the host's challenges, so that the cloud sees at once
/// when the guest has died.
#[derive(Debug, Parser)]
#[command(name = "guest-client", version)]
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
    /// How log lines are written to standard error
    #[arg(long, value_enum, default_value = "text")]
    pub log_format: LogFormat,
    /// How much is logged
    #[arg(long, value_enum, default_value = "info")]
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
    /// The settings of the file, or the defaults if the default file does not exist, and the name.
    pub(super) fn settings(&self) -> Result<Config, Error> {
        let config = match &self.config {
            Some(path) => conf::load(path)?,
            None => conf::load_if_there(Path::new(CONFIG))?,
        };
        let name = match &self.name {
            Some(name) => Name::new(name),
            None => Name::new(&rustix::system::uname().nodename().to_string_lossy()),
        };
        Ok(Config { name, ..config })
    }
}
