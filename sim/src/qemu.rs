//! Fake QEMUs: channels on real UNIX sockets, for daemons that shall not notice the difference.
//!
//! [`FakeQemus`] serves any number of them from one thread of this process. Behind each is either a
//! scripted guest, or (with [`Plan::device_dir`]) a socket to which a real guest client connects as
//! its `--device`. Of the [`channel`](crate::channel)'s behaviours the kernel's sockets give the
//! buffering; the rest is done here: one host at a time while others wait, nobody is read who has
//! no reader in the guest, an end of file only when QEMU goes.

mod behind;
mod device;
mod farm;
mod fault;
mod machine;
mod service;
mod socket;
mod summary;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use guest_client::core::Config;
use protocol::InstanceId;
use protocol::channel::Name;
use rustix::process::{Resource, getrlimit};

pub use fault::{Fault, NotAFault, What};
pub use machine::QemuAct;
pub use service::FakeQemus;
pub use summary::Summary;

/// Descriptors that are not channels': standard streams, epoll, files of the caller.
const RESERVED: u64 = 64;

/// The channels to make.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where the hosts look for sockets.
    pub dir: PathBuf,
    /// If given, no scripted guests, but sockets `<uuid>.sock` here for real guest clients.
    pub device_dir: Option<PathBuf>,
    /// How many.
    pub count: usize,
    /// The number of the first: they have [`InstanceId::numbered`] uuids.
    pub first: u64,
    /// Settings of the guests' clients; the name gets the number appended.
    pub guest: Config,
    /// Of the guests' random numbers.
    pub seed: u64,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Gaps between challenges are recorded from this time after the start on.
    pub settle: Duration,
}

/// Why there are no channels.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too many for one process.
    #[error(
        "{count} channels need {needed} descriptors and this process may have {limit}: at most \
         {most} here, the others in another process (its `--first` after the last one here)"
    )]
    TooMany {
        /// Channels asked for.
        count: usize,
        /// Descriptors they need.
        needed: u64,
        /// The limit of this process.
        limit: u64,
        /// Channels that it allows.
        most: u64,
    },
    /// Scripts are for scripted guests.
    #[error("faults of guests need scripted guests: behind a device directory are real clients")]
    NoScript,
    /// A socket could not be made.
    #[error("cannot make sockets in {}: {error}", dir.display())]
    Sockets {
        /// The folder.
        dir: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl Plan {
    /// Healthy guests with a client's default settings and nothing that goes wrong.
    pub fn new(dir: impl Into<PathBuf>, count: usize) -> Self {
        Self {
            dir: dir.into(),
            device_dir: None,
            count,
            first: 0,
            guest: Config { name: Name::new("guest"), ..Config::default() },
            seed: 0,
            faults: Vec::new(),
            settle: Duration::ZERO,
        }
    }

    /// The uuid of a channel, counted from 0.
    pub fn id(&self, index: usize) -> InstanceId {
        InstanceId::numbered(self.first + index as u64)
    }

    /// The socket of a channel that hosts connect to.
    pub fn channel_path(&self, index: usize) -> PathBuf {
        channel_path(&self.dir, self.id(index))
    }

    /// The socket of a channel that a guest client is given as its `--device`.
    pub fn device_path(&self, index: usize) -> Option<PathBuf> {
        Some(self.device_dir.as_ref()?.join(format!("{}.sock", self.id(index))))
    }

    fn guest_config(&self, number: u64) -> Config {
        let name = Name::new(&format!("{}-{number}", self.guest.name));
        Config { name, ..self.guest.clone() }
    }

    fn check(&self) -> Result<(), Error> {
        let scripted = |fault: &Fault| matches!(fault.what, What::Guest(_));
        if self.device_dir.is_some() && self.faults.iter().any(scripted) {
            return Err(Error::NoScript);
        }
        let each = if self.device_dir.is_some() { 4 } else { 2 };
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let needed = (self.count as u64).saturating_mul(each).saturating_add(RESERVED);
        if needed > limit {
            let most = limit.saturating_sub(RESERVED) / each;
            return Err(Error::TooMany { count: self.count, needed, limit, most });
        }
        Ok(())
    }
}

/// Where the socket of an instance's channel is.
pub fn channel_path(dir: &Path, id: InstanceId) -> PathBuf {
    dir.join(format!("cgcs.heartbeat.{id}.sock"))
}
