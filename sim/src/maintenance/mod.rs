//! A fake mtcAgent: it has the inventory of hosts and hands it to an agent that says it is ready.

mod fake;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};

use protocol::datagram::Host;

use crate::background::Ended;

pub use fake::FakeMaintenance;

/// A maintenance.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it listens; port 0 is a free one.
    pub listen: SocketAddr,
    /// Where the agent listens for it; may be told later. Without it answers go to where the
    /// question came from.
    pub agent: Option<SocketAddr>,
    /// The inventory in the beginning.
    pub hosts: Vec<Host>,
}

impl Default for Settings {
    /// A free port and no hosts.
    fn default() -> Self {
        Self { listen: (Ipv4Addr::LOCALHOST, 0).into(), agent: None, hosts: Vec::new() }
    }
}

/// What came and went since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Requests of an agent for the inventory.
    pub ready: u64,
    /// Datagrams without the signature of guest messages, or too short to have one.
    pub bad_signature: u64,
    /// With the signature, but from another daemon than the agent, or about something else.
    pub other: u64,
    /// Commands sent.
    pub sent: u64,
    /// Commands that could not be sent.
    pub not_sent: u64,
}

/// What comes of a call that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Maintenance was dropped meanwhile.
    #[error(transparent)]
    Ended(#[from] Ended),
    /// What was waited for did not happen within the limit.
    #[error("it did not happen in time")]
    TimedOut,
}
