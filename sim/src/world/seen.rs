//! What an onlooker sees of the world.

use std::time::Duration;

use guest_server::core::Note;
use protocol::InstanceId;
use protocol::channel::{EventType, NotificationType};
use protocol::datagram::{Command, Event, EventId};

/// Something that an onlooker sees. Instances are numbered.
#[derive(Debug)]
pub enum Seen {
    /// A server begins, knowing nothing.
    ServerStarted,
    /// The server is gone, and its connections with it.
    ServerEnded,
    /// The server was driven this long after its deadline, by no fault of its own.
    ServerLate(Duration),
    /// A command reached the server.
    Command(Command),
    /// The server tells the agent something.
    Report {
        /// What it says.
        event: Event,
        /// What it was doing.
        phase: Phase,
        /// What an agent acknowledges; copies with the same id are not seen.
        id: Option<EventId>,
    },
    /// The server sends a challenge.
    Challenge {
        /// To which instance.
        number: usize,
        /// Its value.
        value: u32,
        /// How long after its deadline the server was driven.
        late: Duration,
    },
    /// The server takes an init.
    Acknowledged {
        /// Whose.
        number: usize,
    },
    /// The server sends a vote or a notification.
    Notified {
        /// To which instance.
        number: usize,
        /// What about.
        event: EventType,
        /// Vote or notification.
        kind: NotificationType,
    },
    /// The server connected to a channel.
    Connected {
        /// Whose.
        number: usize,
    },
    /// A connection ended.
    Closed {
        /// Whose.
        number: usize,
    },
    /// The server says something in its log.
    Note {
        /// About whom.
        about: Option<InstanceId>,
        /// What.
        note: Note,
    },
    /// The server asked its shell for something impossible.
    Nonsense {
        /// About which instance.
        number: usize,
        /// What was wrong with it.
        why: &'static str,
    },
}

/// What the server is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It starts.
    Start,
    /// It takes bytes of an instance.
    Reading(usize),
    /// It takes the end of a connection.
    Closing(usize),
    /// It looks at a channel directory.
    Files,
    /// It takes a datagram.
    Datagram,
    /// It does what is due.
    Deadline,
}
