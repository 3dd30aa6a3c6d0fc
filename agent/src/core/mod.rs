//! The decisions of guestAgent, as a machine without I/O.
//!
//! As in guestServer's core: hand in what happens with [`GuestAgent::handle`] or, for the VIM's
//! commands, which want an answer, [`GuestAgent::command`]; take every [`Output`] after each call;
//! call [`GuestAgent::handle_deadline`] when [`GuestAgent::next_deadline`] has come.
//!
//! Where to look: what the VIM asks is in `commands`, what servers tell in `events`, the inventory
//! in `inventory`, where instances live and what servers are told of them in `placement`, the state
//! query audit in `audit`, what goes to the VIM in `delivery`, `questions` and `queue`.

mod agent;
mod audit;
mod commands;
mod counters;
mod delivery;
mod events;
mod hosts;
mod instances;
mod inventory;
mod note;
mod placement;
mod policy;
mod questions;
mod queue;
mod seen;

use std::net::IpAddr;

use protocol::InstanceId;
use protocol::datagram::{Command, EventId, Host};
use protocol::vim::VimRequest;

pub use agent::{GuestAgent, HostView, InstanceView};
pub use counters::Counters;
pub use note::Note;

/// What happens to a guestAgent.
#[derive(Debug)]
pub enum Input<'a> {
    /// A datagram came on the host link.
    Datagram {
        /// Its source address.
        from: IpAddr,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// A datagram came for maintenance's commands.
    Maintenance {
        /// Its source address.
        from: IpAddr,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// Maintenance is at this address; nobody else may send its commands.
    MaintenanceIsAt(IpAddr),
    /// The file of hosts was read: these, and no others from it.
    HostsFile(Vec<Host>),
    /// What became of the last [`Output::Vim`].
    Vim(Outcome),
}

/// What became of a request to the VIM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It answered.
    Replied {
        /// HTTP status.
        status: u16,
        /// What was read of the body.
        body: Vec<u8>,
    },
    /// It took the request and closed without a byte: its normal success for an event.
    Closed,
    /// It did not get the request.
    NotSent,
    /// It may have got the request.
    Unknown,
}

/// What a guestAgent wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send a command to a server.
    Command {
        /// Its host's address.
        to: IpAddr,
        /// Its host's uuid.
        host: InstanceId,
        /// What it shall do.
        command: Command,
    },
    /// Acknowledge an event of a server.
    Acknowledge {
        /// Its host's address.
        to: IpAddr,
        /// Which event.
        id: EventId,
    },
    /// Ask maintenance for the inventory.
    AskInventory,
    /// Send a request to the VIM and hand in [`Input::Vim`]. There is only one at a time.
    Vim(VimRequest),
    /// Say it in the log.
    Note {
        /// Which instance it is about.
        about: Option<InstanceId>,
        /// What happened.
        note: Note,
        /// Notes that were held back before this one.
        held_back: u32,
    },
}

#[cfg(test)]
mod tests;
