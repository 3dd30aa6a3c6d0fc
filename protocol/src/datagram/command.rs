//! What an agent tells a server.

use serde::Serialize;

use super::frame::{self, DatagramError, Frame, Signature};
use super::marks::{EventId, MarkedCommand, Marks};
use crate::InstanceId;
use crate::channel::Word;

const ADD_INSTANCE: u32 = 0x1111_0020;
const DELETE_INSTANCE: u32 = 0x1111_0021;
const MODIFY_INSTANCE: u32 = 0x1111_0022;
pub(super) const QUERY_INSTANCES: u32 = 0x1111_0023;
const VOTE: u32 = 0x1111_0024;
const NOTIFY: u32 = 0x1111_0025;
const MODIFY_HOST: u32 = 0x1111_0012;
const LOOPBACK: u32 = 0x0101_0101;

/// `enabled` or `disabled`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// `enabled`
    Enabled,
    /// `disabled`
    Disabled,
}

impl Switch {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "enabled" => Some(Self::Enabled),
            "disabled" => Some(Self::Disabled),
            _ => None,
        }
    }

    /// Whether it is on.
    pub fn is_on(self) -> bool {
        self == Self::Enabled
    }
}

impl From<bool> for Switch {
    fn from(on: bool) -> Self {
        if on { Self::Enabled } else { Self::Disabled }
    }
}

impl Serialize for Switch {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A command of the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// An instance lives on this host.
    AddInstance {
        /// Which.
        uuid: InstanceId,
        /// Whether its failures are reported.
        reporting: Switch,
    },
    /// An instance does not live on this host any more.
    DeleteInstance {
        /// Which.
        uuid: InstanceId,
    },
    /// As add.
    ModifyInstance {
        /// Which.
        uuid: InstanceId,
        /// Whether its failures are reported.
        reporting: Switch,
    },
    /// "What do you know?"
    QueryInstances,
    /// Ask the guest whether an action may happen.
    Vote {
        /// Which instance.
        uuid: InstanceId,
        /// The action's name, as the orchestrator gave it.
        event: Word,
    },
    /// Tell the guest that an action happens.
    Notify {
        /// Which instance.
        uuid: InstanceId,
        /// The action's name, as the orchestrator gave it.
        event: Word,
    },
    /// Whether failures on this host are reported at all.
    ModifyHost {
        /// On or off.
        reporting: Switch,
    },
    /// Nothing; it shows that an agent is there.
    Loopback,
}

#[derive(Serialize)]
struct InstanceBody<'a> {
    source: &'a str,
    uuid: &'a str,
    service: &'a str,
    state: Switch,
}

#[derive(Serialize)]
struct ActionBody<'a> {
    source: &'a str,
    uuid: &'a str,
    event: &'a str,
}

#[derive(Serialize)]
struct HostBody<'a> {
    source: &'a str,
    uuid: &'a str,
    heartbeat: Switch,
}

#[derive(Serialize)]
struct SourceBody<'a> {
    source: &'a str,
}

#[derive(Serialize)]
struct AcknowledgementBody<'a> {
    source: &'a str,
    ack: EventId,
}

impl Command {
    /// Writes the datagram, 100 + length bytes, into `out`. `source` is the controller's floating
    /// address; `host` is the uuid of the host, needed by [`Command::ModifyHost`] alone.
    pub fn encode(&self, source: &str, host: &str, out: &mut Vec<u8>) {
        self.write(source, host, Marks::NONE, out);
    }

    /// Writes the datagram as [`Command::encode`] does, marked as one of an agent that acknowledges.
    pub fn encode_marked(&self, source: &str, host: &str, out: &mut Vec<u8>) {
        self.write(source, host, Marks::of(None), out);
    }

    /// Writes the datagram that says that the event `id` has arrived: a marked loopback, which a
    /// deployed server ignores.
    pub fn encode_acknowledgement(id: EventId, source: &str, out: &mut Vec<u8>) {
        write(LOOPBACK, &AcknowledgementBody { source, ack: id }, Marks::of(None), out);
    }

    /// Reads a datagram of an agent.
    pub fn decode(datagram: &[u8]) -> Result<Self, DatagramError> {
        Self::from_frame(&read(datagram)?)
    }

    /// Reads a datagram of an agent, and what it says besides if the agent is one that marks its
    /// commands.
    pub fn decode_marked(datagram: &[u8]) -> Result<MarkedCommand, DatagramError> {
        let frame = read(datagram)?;
        let (command, features) = (Self::from_frame(&frame)?, frame.features());
        let acknowledges = match command {
            Self::Loopback if features.ack => frame.event_id("ack")?,
            _ => None,
        };
        Ok(MarkedCommand { command, features, acknowledges })
    }

    fn write(&self, source: &str, host: &str, marks: Marks, out: &mut Vec<u8>) {
        let cmd = self.cmd();
        match self {
            Self::AddInstance { uuid, reporting } | Self::ModifyInstance { uuid, reporting } => {
                write(cmd, &InstanceBody::new(source, uuid, *reporting), marks, out);
            }
            Self::DeleteInstance { uuid } => {
                write(cmd, &InstanceBody::new(source, uuid, Switch::Disabled), marks, out);
            }
            Self::Vote { uuid, event } | Self::Notify { uuid, event } => {
                let body = ActionBody { source, uuid: uuid.as_str(), event: event.as_str() };
                write(cmd, &body, marks, out);
            }
            Self::ModifyHost { reporting } => {
                write(cmd, &HostBody { source, uuid: host, heartbeat: *reporting }, marks, out);
            }
            Self::QueryInstances | Self::Loopback => write(cmd, &SourceBody { source }, marks, out),
        }
    }

    fn from_frame(frame: &Frame) -> Result<Self, DatagramError> {
        match frame.cmd {
            ADD_INSTANCE => {
                Ok(Self::AddInstance { uuid: frame.uuid()?, reporting: frame.switch("state")? })
            }
            MODIFY_INSTANCE => {
                Ok(Self::ModifyInstance { uuid: frame.uuid()?, reporting: frame.switch("state")? })
            }
            DELETE_INSTANCE => Ok(Self::DeleteInstance { uuid: frame.uuid()? }),
            VOTE => Ok(Self::Vote { uuid: frame.uuid()?, event: frame.str("event")?.into() }),
            NOTIFY => Ok(Self::Notify { uuid: frame.uuid()?, event: frame.str("event")?.into() }),
            MODIFY_HOST => Ok(Self::ModifyHost { reporting: frame.switch("heartbeat")? }),
            QUERY_INSTANCES => Ok(Self::QueryInstances),
            LOOPBACK => Ok(Self::Loopback),
            unknown => Err(DatagramError::UnknownCommand(unknown)),
        }
    }

    fn cmd(&self) -> u32 {
        match self {
            Self::AddInstance { .. } => ADD_INSTANCE,
            Self::DeleteInstance { .. } => DELETE_INSTANCE,
            Self::ModifyInstance { .. } => MODIFY_INSTANCE,
            Self::QueryInstances => QUERY_INSTANCES,
            Self::Vote { .. } => VOTE,
            Self::Notify { .. } => NOTIFY,
            Self::ModifyHost { .. } => MODIFY_HOST,
            Self::Loopback => LOOPBACK,
        }
    }
}

fn write(cmd: u32, body: &impl Serialize, marks: Marks, out: &mut Vec<u8>) {
    frame::write(Signature::GuestMessage, cmd, Some(&marks.with(body)), out);
}

fn read(datagram: &[u8]) -> Result<Frame, DatagramError> {
    Frame::read(datagram, Signature::GuestMessage, &[QUERY_INSTANCES, LOOPBACK])
}

impl<'a> InstanceBody<'a> {
    fn new(source: &'a str, uuid: &'a InstanceId, state: Switch) -> Self {
        Self { source, uuid: uuid.as_str(), service: "heartbeat", state }
    }
}

impl Frame {
    pub(super) fn switch(&self, key: &'static str) -> Result<Switch, DatagramError> {
        self.read_str(key, Switch::from_word)
    }
}
