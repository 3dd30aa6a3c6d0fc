//! What a server tells an agent. A server always sends the whole 1060 bytes.

use serde::Serialize;

use super::Hostname;
use super::command::{QUERY_INSTANCES, Switch};
use super::frame::{self, BUF_MAX, DATAGRAM_MAX, DatagramError, Frame, Signature};
use super::marks::{EventId, MarkedEvent, Marks};
use crate::InstanceId;
use crate::channel::{CorrectiveAction, EventType, LogMsg, NotificationType, VoteResult};

const READY: u32 = 0xf0f0_f0f0;
const RUNNING: u32 = 0x0110_fead;
const STOPPED: u32 = 0x0100_fead;
const ILL_HEALTH: u32 = 0x0001_fead;
const LOSS: u32 = 0x0000_fead;
const ANSWER: u32 = 0xfeed_feed;

/// An event of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The server has started and knows nothing of its instances' reporting.
    Ready {
        /// The host it runs on.
        hostname: Hostname,
    },
    /// An instance heartbeats.
    Running(InstanceInfo),
    /// An instance does not heartbeat any more.
    Stopped(InstanceInfo),
    /// An instance says that it is unhealthy; `repair_action` is what it asked for.
    IllHealth(InstanceInfo),
    /// An instance stopped answering.
    Loss {
        /// The host it lives on.
        hostname: Hostname,
        /// Which.
        uuid: InstanceId,
    },
    /// The state of one instance, as an answer to a query.
    QueryResponse(InstanceInfo),
    /// A guest's answer to a vote or a notification.
    Answer(Answer),
}

/// What a server knows of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceInfo {
    /// The host it lives on.
    pub hostname: Hostname,
    /// Which.
    pub uuid: InstanceId,
    /// Whether its failures are reported.
    pub reporting: Switch,
    /// Whether it heartbeats.
    pub heartbeating: Switch,
    /// What the guest wants done when it is lost.
    pub repair_action: CorrectiveAction,
    /// Seconds from a reboot until it heartbeats again.
    pub restart_secs: u32,
    /// Seconds of notice before a stop or reboot.
    pub shutdown_secs: u32,
    /// Seconds of notice before a pause, suspend, resize or migration.
    pub suspend_secs: u32,
    /// Seconds of notice after these.
    pub resume_secs: u32,
    /// Seconds that a vote may take.
    pub vote_secs: u32,
}

/// A guest's answer to a vote or a notification, or the host's for a guest that gave none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The host it lives on.
    pub hostname: Hostname,
    /// Which instance.
    pub uuid: InstanceId,
    /// What was asked.
    pub notification_type: NotificationType,
    /// What it was asked about.
    pub event_type: EventType,
    /// The answer.
    pub vote: VoteResult,
    /// Why, for people.
    pub reason: LogMsg,
}

#[derive(Serialize)]
struct ReadyBody<'a> {
    hostname: &'a str,
}

#[derive(Serialize)]
struct LossBody<'a> {
    hostname: &'a str,
    uuid: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct InfoBody<'a> {
    hostname: &'a str,
    uuid: &'a str,
    reporting: Switch,
    heartbeating: Switch,
    repair_action: CorrectiveAction,
    restart_to: String,
    shutdown_to: String,
    suspend_to: String,
    resume_to: String,
    vote_to: String,
}

#[derive(Serialize)]
struct AnswerBody<'a> {
    hostname: &'a str,
    uuid: &'a str,
    notification_type: NotificationType,
    #[serde(rename = "event-type")]
    event_type: EventType,
    vote: VoteResult,
    reason: &'a str,
}

impl Event {
    /// Writes the datagram, always 1060 bytes, into `out`. A reason that would not fit is cut.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.write(Marks::NONE, out);
    }

    /// Writes the datagram as [`Event::encode`] does, marked as one of a server that waits for
    /// acknowledgements. `id` asks for one: a loss, an ill health and an answer have it, each copy
    /// the same.
    pub fn encode_marked(&self, id: Option<EventId>, out: &mut Vec<u8>) {
        self.write(Marks::of(id), out);
    }

    /// Reads a datagram of a server.
    pub fn decode(datagram: &[u8]) -> Result<Self, DatagramError> {
        Self::from_frame(&Frame::read(datagram, Signature::Empty, &[])?)
    }

    /// Reads a datagram of a server, and what it says besides if the server is one that marks its
    /// events.
    pub fn decode_marked(datagram: &[u8]) -> Result<MarkedEvent, DatagramError> {
        let frame = Frame::read(datagram, Signature::Empty, &[])?;
        let (event, features) = (Self::from_frame(&frame)?, frame.features());
        let id = if features.ack { frame.event_id("id")? } else { None };
        Ok(MarkedEvent { event, features, id })
    }

    fn write(&self, marks: Marks, out: &mut Vec<u8>) {
        let cmd = self.cmd();
        match self {
            Self::Ready { hostname } => {
                write(cmd, &ReadyBody { hostname: hostname.as_str() }, marks, out);
            }
            Self::Running(info)
            | Self::Stopped(info)
            | Self::IllHealth(info)
            | Self::QueryResponse(info) => write(cmd, &InfoBody::from(info), marks, out),
            Self::Loss { hostname, uuid } => {
                let body = LossBody { hostname: hostname.as_str(), uuid: uuid.as_str() };
                write(cmd, &body, marks, out);
            }
            Self::Answer(answer) => write_answer(cmd, answer, marks, out),
        }
        out.resize(DATAGRAM_MAX, 0);
    }

    fn from_frame(frame: &Frame) -> Result<Self, DatagramError> {
        match frame.cmd {
            READY => Ok(Self::Ready { hostname: frame.hostname()? }),
            RUNNING => Ok(Self::Running(frame.info()?)),
            STOPPED => Ok(Self::Stopped(frame.info()?)),
            ILL_HEALTH => Ok(Self::IllHealth(frame.info()?)),
            LOSS => Ok(Self::Loss { hostname: frame.hostname()?, uuid: frame.uuid()? }),
            QUERY_INSTANCES => Ok(Self::QueryResponse(frame.info()?)),
            ANSWER => Ok(Self::Answer(frame.answer()?)),
            unknown => Err(DatagramError::UnknownCommand(unknown)),
        }
    }

    fn cmd(&self) -> u32 {
        match self {
            Self::Ready { .. } => READY,
            Self::Running(_) => RUNNING,
            Self::Stopped(_) => STOPPED,
            Self::IllHealth(_) => ILL_HEALTH,
            Self::Loss { .. } => LOSS,
            Self::QueryResponse(_) => QUERY_INSTANCES,
            Self::Answer(_) => ANSWER,
        }
    }
}

fn write(cmd: u32, body: &impl Serialize, marks: Marks, out: &mut Vec<u8>) {
    frame::write(Signature::Empty, cmd, Some(&marks.with(body)), out);
}

/// Escapes can double a reason, so it is cut until the object and a NUL fit the buffer.
fn write_answer(cmd: u32, answer: &Answer, marks: Marks, out: &mut Vec<u8>) {
    let mut reason = answer.reason.as_str();
    loop {
        write(cmd, &AnswerBody { reason, ..AnswerBody::from(answer) }, marks, out);
        let over = (out.len() + 1).saturating_sub(frame::HEADER_LEN + BUF_MAX);
        if over == 0 || reason.is_empty() {
            return;
        }
        reason = crate::text::cut(reason, reason.len().saturating_sub(over.div_ceil(2)));
    }
}

impl<'a> From<&'a InstanceInfo> for InfoBody<'a> {
    fn from(info: &'a InstanceInfo) -> Self {
        Self {
            hostname: info.hostname.as_str(),
            uuid: info.uuid.as_str(),
            reporting: info.reporting,
            heartbeating: info.heartbeating,
            repair_action: info.repair_action,
            restart_to: info.restart_secs.to_string(),
            shutdown_to: info.shutdown_secs.to_string(),
            suspend_to: info.suspend_secs.to_string(),
            resume_to: info.resume_secs.to_string(),
            vote_to: info.vote_secs.to_string(),
        }
    }
}

impl<'a> From<&'a Answer> for AnswerBody<'a> {
    fn from(answer: &'a Answer) -> Self {
        Self {
            hostname: answer.hostname.as_str(),
            uuid: answer.uuid.as_str(),
            notification_type: answer.notification_type,
            event_type: answer.event_type,
            vote: answer.vote,
            reason: answer.reason.as_str(),
        }
    }
}

impl Frame {
    pub(super) fn hostname(&self) -> Result<Hostname, DatagramError> {
        Ok(Hostname::new(self.str("hostname")?))
    }

    fn secs(&self, key: &'static str) -> Result<u32, DatagramError> {
        self.read_str(key, |secs| secs.parse().ok())
    }

    fn info(&self) -> Result<InstanceInfo, DatagramError> {
        let action = self.str("repair-action")?;
        Ok(InstanceInfo {
            hostname: self.hostname()?,
            uuid: self.uuid()?,
            reporting: self.switch("reporting")?,
            heartbeating: self.switch("heartbeating")?,
            repair_action: CorrectiveAction::from_word(action).unwrap_or(CorrectiveAction::Unknown),
            restart_secs: self.secs("restart-to")?,
            shutdown_secs: self.secs("shutdown-to")?,
            suspend_secs: self.secs("suspend-to")?,
            resume_secs: self.secs("resume-to")?,
            vote_secs: self.secs("vote-to")?,
        })
    }

    fn answer(&self) -> Result<Answer, DatagramError> {
        let (event, vote) = (self.str("event-type")?, self.str("vote")?);
        Ok(Answer {
            hostname: self.hostname()?,
            uuid: self.uuid()?,
            notification_type: self.read_str("notification_type", NotificationType::from_word)?,
            event_type: EventType::from_word(event).unwrap_or(EventType::Unknown),
            vote: VoteResult::from_word(vote).unwrap_or(VoteResult::Unknown),
            reason: self.str("reason").unwrap_or_default().into(),
        })
    }
}
