//! The file of hosts, for controllers without maintenance.
//!
//! ```toml
//! [[host]]
//! hostname = "compute-0"
//! uuid = "6a9b0c1d-0000-4000-8000-0123456789ab"
//! ip = "192.168.204.10"
//! ```

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use protocol::InstanceId;
use protocol::datagram::{Host, Hostname};
use serde::Deserialize;

/// Why a file of hosts cannot be used. Nothing of it is taken then.
#[derive(Debug, thiserror::Error)]
pub enum HostsError {
    /// It cannot be read.
    #[error("cannot read the hosts file {}: {error}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is not such a file.
    #[error("{}: {error}", path.display())]
    NotHosts {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        error: Box<toml::de::Error>,
    },
    /// A uuid is none.
    #[error("{}: host {hostname:?}: uuid {uuid:?} is not a uuid of 36 characters", path.display())]
    NotAUuid {
        /// Which file.
        path: PathBuf,
        /// Of which host.
        hostname: String,
        /// What stands there.
        uuid: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HostsFile {
    #[serde(default)]
    host: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    hostname: String,
    uuid: String,
    ip: IpAddr,
}

/// Reads the file.
pub fn read(path: &Path) -> Result<Vec<Host>, HostsError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| HostsError::Unreadable { path: path.to_owned(), error })?;
    let file: HostsFile = toml::from_str(&text)
        .map_err(|error| HostsError::NotHosts { path: path.to_owned(), error: Box::new(error) })?;
    file.host.into_iter().map(|entry| entry.host(path)).collect()
}

impl Entry {
    fn host(self, path: &Path) -> Result<Host, HostsError> {
        let Ok(uuid) = InstanceId::new(&self.uuid) else {
            let (path, hostname, uuid) = (path.to_owned(), self.hostname, self.uuid);
            return Err(HostsError::NotAUuid { path, hostname, uuid });
        };
        let hostname = Hostname::new(&self.hostname);
        Ok(Host { hostname, uuid, ip: self.ip, personality: "worker".into() })
    }
}
