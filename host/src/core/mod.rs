//! The decisions of guestServer, as a machine without I/O.
//!
//! 1. Make a [`GuestServer`] with a [`Policy`], the time and a source of random numbers.
//! 2. Hand in what happens with [`GuestServer::handle`].
//! 3. After each call take every [`Output`] from [`GuestServer::poll_output`] and carry it out.
//! 4. When [`GuestServer::next_deadline`] has come, first hand in everything that is already
//!    readable, then call [`GuestServer::handle_deadline`].
//!
//! The rules are those of docs/protocol.md, "Host side". Where to look: connecting is in
//! `connection`, the heartbeat cycle and its misses in `cycle`, votes and notifications in
//! `request`, what becomes of them for one instance in `instance`, the agent in `link`.

mod connection;
mod counters;
mod cycle;
mod deadlines;
mod files;
mod grid;
mod instance;
mod link;
mod note;
mod policy;
mod repeat;
mod request;
mod server;
mod tally;
mod timer;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use protocol::InstanceId;
use protocol::channel::{HostMessage, Name};
use protocol::datagram::{Event, EventId};

pub use connection::ConnectError;
pub use counters::Counters;
pub use files::{ChannelFile, FileIdentity, instance_of};
pub use instance::{InstanceState, InstanceView};
pub use note::{Note, Stop};
pub use policy::Policy;
pub use server::GuestServer;
pub use tally::Tally;

/// Names an instance's channel between core and shell: a small number that is used again after the
/// instance was forgotten and its channel closed.
pub type Key = usize;

/// What happens to a guestServer.
#[derive(Debug)]
pub enum Input<'a> {
    /// Every file of one channel directory, after a scan of it.
    Scanned {
        /// Which directory.
        directory: &'a Path,
        /// Its files; other names than channels' may be left out.
        files: Vec<ChannelFile>,
    },
    /// File events were lost: only a scan tells what is there.
    FileEventsLost,
    /// A file appeared in a channel directory, or took the place of another.
    FileAppeared(ChannelFile),
    /// A file's owner or mode changed.
    FileTouched(&'a Path),
    /// A file is gone from a channel directory.
    FileVanished(&'a Path),
    /// [`Output::Connect`] succeeded.
    Connected(Key),
    /// [`Output::Connect`] failed.
    ConnectFailed(Key, ConnectError),
    /// Bytes came from a guest.
    Received(Key, &'a [u8]),
    /// The channel ended: end of file, reset, broken pipe.
    Closed(Key),
    /// A datagram came on the host-agent link.
    Datagram {
        /// Its source address.
        from: IpAddr,
        /// Its bytes.
        bytes: &'a [u8],
    },
}

/// What a guestServer wants done.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Connect to a channel's socket, now and without waiting, and report the result.
    Connect(Key, Arc<Path>),
    /// Close a channel. Nothing about it is handed in afterwards.
    Close(Key),
    /// Send an object to a guest. If the channel takes none of it the object is dropped, and if it
    /// takes a part the rest is sent later, before anything else.
    Send {
        /// Which channel.
        key: Key,
        /// Precede it by a space and a newline: the first bytes of a connection.
        first: bool,
        /// The object's sequence number.
        sequence: u32,
        /// The object.
        message: HostMessage,
    },
    /// Leave what this guest sends in the channel for now.
    PauseReading(Key),
    /// Read from this guest again.
    ResumeReading(Key),
    /// Send an event to the agent, under its id if it must arrive.
    Report(Destination, Event, Option<EventId>),
    /// Scan the channel directories and hand in [`Input::Scanned`] for each that can be read.
    Scan,
    /// Say it in the log.
    Note {
        /// Which instance it is about, and the name it gave itself; `None`: the server itself.
        about: Option<(InstanceId, Option<Name>)>,
        /// What happened.
        note: Note,
        /// Notes about this instance that were held back before this one.
        held_back: u32,
    },
}

/// Where an event goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// The agent of the configuration: no command has come yet.
    ConfiguredAgent,
    /// The agent that sent the last command.
    Agent(IpAddr),
}

#[cfg(test)]
mod tests;
