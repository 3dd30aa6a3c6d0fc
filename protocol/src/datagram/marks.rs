//! What our agent and our server tell each other in keys that every other peer ignores, so that a
//! lost datagram does not lose a loss, an ill health or an answer (docs/protocol.md, "Features").
//!
//! | key | in | value |
//! | --- | --- | --- |
//! | `id` | loss, ill health, answer | the [`EventId`] that an acknowledgement names |
//! | `ack` | loopback | the [`EventId`] that has arrived |
//! | `features` | every datagram, as its last key | `ack` |

use std::fmt;

use serde::{Serialize, Serializer};

use super::frame::{DatagramError, Frame};
use super::{Command, Event};

const ACK: &str = "ack";

/// What the sender of a datagram can do besides the protocol that all speak. Deployed peers have
/// none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Features {
    /// A server: repeats a loss, an ill health and an answer until it is acknowledged. An agent:
    /// acknowledges.
    pub ack: bool,
}

impl Features {
    /// Words are separated by spaces, so that one day a second one can follow.
    fn from_words(words: &str) -> Self {
        Self { ack: words.split(' ').any(|word| word == ACK) }
    }
}

/// Names an event until it is acknowledged. A server draws its first one at random when it starts
/// and counts on from there, so that an agent cannot take an event of this run for a copy of one of
/// the run before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub u32);

impl EventId {
    /// That of the server's next event.
    pub fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A decimal string, as every number on the link.
impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A command with what its agent says besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkedCommand {
    /// What everyone reads.
    pub command: Command,
    /// What the agent can do.
    pub features: Features,
    /// The event that has arrived; only a loopback of an agent with [`Features::ack`] has one.
    pub acknowledges: Option<EventId>,
}

/// An event with what its server says besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkedEvent {
    /// What everyone reads.
    pub event: Event,
    /// What the server can do.
    pub features: Features,
    /// What to acknowledge, each time that it arrives; only a server with [`Features::ack`] asks.
    pub id: Option<EventId>,
}

/// The extra keys behind those of a body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    id: Option<EventId>,
    features: Option<&'static str>,
}

impl Marks {
    /// None: the datagram of a deployed peer.
    pub(super) const NONE: Self = Self { id: None, features: None };

    pub(super) fn of(id: Option<EventId>) -> Self {
        Self { id, features: Some(ACK) }
    }

    pub(super) fn with<B: Serialize>(self, body: &B) -> impl Serialize {
        Marked { body, id: self.id, features: self.features }
    }
}

#[derive(Serialize)]
struct Marked<'a, B: Serialize> {
    #[serde(flatten)]
    body: &'a B,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<EventId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    features: Option<&'static str>,
}

impl Frame {
    /// The sender's features; a value that is no string says nothing.
    pub(super) fn features(&self) -> Features {
        self.str("features").map(Features::from_words).unwrap_or_default()
    }

    /// The id under `key`, if that is there. One that is no id is refused: taken for an event
    /// without one, each of its copies would count.
    pub(super) fn event_id(&self, key: &'static str) -> Result<Option<EventId>, DatagramError> {
        if !self.has(key) {
            return Ok(None);
        }
        self.read_str(key, |id| id.parse().ok()).map(EventId).map(Some)
    }
}
