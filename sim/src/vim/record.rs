//! What the VIM saw and did, for its user to read.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use protocol::InstanceId;
use protocol::channel::EventType;
use protocol::vim::{BodyError, CommandReply, VimCommand, VimEvent, VimRequest};
use serde_json::{Map, Value, json};

use super::view::Consequence;
use super::{Error, Manner};

/// Records that are kept; beyond them the oldest goes.
const RECORDS_MAX: usize = 200_000;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Counted from 0; none is missing.
    pub number: u64,
    /// When: of a request, when the last of its bytes was read; of a command, when its reply was.
    pub at: Instant,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The agent asked or told something.
    Request {
        /// What.
        request: VimRequest,
        /// What the VIM makes of it.
        consequence: Consequence,
        /// How it is answered.
        manner: Manner,
    },
    /// The agent did something that it must not do, or that loses its event.
    Misstep(Misstep),
    /// The VIM told the agent something.
    Command {
        /// What.
        command: VimCommand,
        /// Because an event disagreed with the VIM's view, not because its user wished it.
        correction: bool,
        /// What the agent replied.
        outcome: Result<CommandReply, Error>,
        /// How long that took.
        took: Duration,
    },
    /// The time that the agent told is over and there was no answer.
    Silence {
        /// The instance that was asked.
        uuid: InstanceId,
        /// What it was asked about.
        action: EventType,
    },
    /// The VIM is away: connections are refused.
    Away,
    /// It is back.
    Back,
    /// It could not come back: its port was taken.
    Down(io::ErrorKind),
}

/// What an agent gets wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misstep {
    /// A connection that brought no whole request in time: the VIM was blocked until then.
    #[error("a connection without a whole request blocked everything until its time was over")]
    Idle,
    /// A connection that was closed without a byte.
    #[error("a connection without a byte")]
    Empty,
    /// A request that broke off.
    #[error("half a request")]
    Cut,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broke(io::ErrorKind),
    /// Not HTTP.
    #[error("not HTTP")]
    NotHttp,
    /// Longer than any request can be.
    #[error("a request without end")]
    TooLong,
    /// A body without a length: it was read as empty and the event is lost.
    #[error("a chunked body is read as empty: the event is lost")]
    Chunked,
    /// The method, the path or the body is none that the VIM has.
    #[error("{0}")]
    NotUnderstood(BodyError),
    /// No `Connection: close`; the request was taken.
    #[error("a request without Connection: close")]
    KeptAlive,
    /// Not the agent's `User-Agent`; the request was taken.
    #[error("a User-Agent that is not the agent's")]
    UserAgent,
    /// Bytes behind the request, which nobody reads.
    #[error("more behind the request")]
    Pipelined,
}

impl Record {
    /// The event, if the record is that of one which the VIM took: not refused, and with an
    /// instance that it has.
    pub fn event(&self) -> Option<&VimEvent> {
        match &self.what {
            What::Request { consequence: Consequence::Unknown | Consequence::Refused, .. } => None,
            What::Request { request: VimRequest::Event(event), .. } => Some(event),
            _ => None,
        }
    }

    /// One JSON object in one line; the time is seconds since `start`.
    pub fn to_json(&self, start: Instant) -> Value {
        let at = self.at.saturating_duration_since(start).as_micros();
        #[expect(clippy::cast_precision_loss, reason = "exact for three hundred years")]
        let mut line = Map::from_iter([("at".to_owned(), json!(at as f64 / 1e6))]);
        if let Value::Object(what) = self.what.to_json() {
            line.extend(what);
        }
        Value::Object(line)
    }
}

impl What {
    fn to_json(&self) -> Value {
        match self {
            Self::Request { request, consequence, manner } => {
                let mut line = request_json(request);
                line["so"] = json!(consequence.to_string());
                if *manner != Manner::Normal {
                    line["manner"] = json!(manner.to_string());
                }
                line
            }
            Self::Misstep(misstep) => json!({"what": "misstep", "why": misstep.to_string()}),
            Self::Command { command, correction, outcome, took } => {
                command_json(command, *correction, outcome, *took)
            }
            Self::Silence { uuid, action } => {
                json!({"what": "silence", "uuid": uuid.as_str(), "action": action})
            }
            Self::Away => json!({"what": "away"}),
            Self::Back => json!({"what": "back"}),
            Self::Down(kind) => json!({"what": "down", "why": kind.to_string()}),
        }
    }
}

fn request_json(request: &VimRequest) -> Value {
    match request {
        VimRequest::HostState { uuid, hostname } => {
            json!({"what": "host query", "uuid": uuid.as_str(), "hostname": hostname.as_str()})
        }
        VimRequest::InstanceList { host_uuid } => {
            json!({"what": "list query", "host": host_uuid.as_str()})
        }
        VimRequest::Event(event) => event_json(event),
    }
}

fn event_json(event: &VimEvent) -> Value {
    match event {
        VimEvent::Status { uuid, hostname, reporting, heartbeating, restart_timeout_secs } => {
            json!({"what": "status", "uuid": uuid.as_str(), "hostname": hostname.as_str(),
                "reporting": reporting, "heartbeating": heartbeating,
                "restart_timeout_secs": restart_timeout_secs})
        }
        VimEvent::Alarm { uuid, hostname, state, repair_action } => {
            json!({"what": "alarm", "uuid": uuid.as_str(), "hostname": hostname.as_str(),
                "state": state.as_str(), "repair_action": repair_action})
        }
        VimEvent::Answer { uuid, action, response, reason } => {
            json!({"what": "answer", "uuid": uuid.as_str(), "action": action,
                "response": response.as_str(), "reason": reason.as_str()})
        }
    }
}

fn command_json(
    command: &VimCommand,
    correction: bool,
    outcome: &Result<CommandReply, Error>,
    took: Duration,
) -> Value {
    let body = |bytes: Option<Vec<u8>>| -> Value {
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    };
    let mut line = json!({
        "what": if correction { "correction" } else { "command" },
        "request": format!("{} {}", command.method(), command.path()),
        "body": body(command.body()),
        "took_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    });
    match outcome {
        Ok(reply) => {
            line["status"] = json!(reply.status());
            line["reply"] = body(reply.body());
        }
        Err(error) => line["error"] = json!(error.to_string()),
    }
    line
}

/// How much of each there was since the start, whatever was forgotten since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Status events that were taken.
    pub statuses: u64,
    /// Ill health and losses that were taken.
    pub alarms: u64,
    /// Answers to votes and notifications that were taken.
    pub answers: u64,
    /// Events of all kinds about instances that the VIM does not have.
    pub unknown: u64,
    /// Questions for a host's state or its instances.
    pub queries: u64,
    /// Events and questions that were refused with a 500.
    pub refused: u64,
    /// Missteps of all kinds.
    pub missteps: u64,
    /// Chunked bodies: events lost.
    pub lost: u64,
    /// Commands sent, corrections among them.
    pub commands: u64,
    /// Corrections sent.
    pub corrections: u64,
    /// Commands that came to nothing.
    pub failed: u64,
    /// Votes and notifications without an answer in the time that the agent told.
    pub silences: u64,
}

/// The records and what they sum up to.
#[derive(Debug, Default)]
pub(super) struct Log {
    records: VecDeque<Record>,
    next: u64,
    counts: Counts,
}

impl Log {
    pub(super) fn push(&mut self, at: Instant, what: What) {
        self.counts.count(&what);
        if self.records.len() == RECORDS_MAX {
            self.records.pop_front();
        }
        self.records.push_back(Record { number: self.next, at, what });
        self.next += 1;
    }

    /// The number that the next record will have.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// The records from that number on, as far as they are kept.
    pub(super) fn since(&self, number: u64) -> impl Iterator<Item = &Record> {
        let first = self.next - self.records.len() as u64;
        let skip = usize::try_from(number.saturating_sub(first)).unwrap_or(usize::MAX);
        self.records.range(skip.min(self.records.len())..)
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }
}

impl Counts {
    fn count(&mut self, what: &What) {
        match what {
            What::Request { consequence: Consequence::Refused, .. } => self.refused += 1,
            What::Request { request: VimRequest::Event(event), consequence, .. } => {
                *match (consequence, event) {
                    (Consequence::Unknown, _) => &mut self.unknown,
                    (_, VimEvent::Status { .. }) => &mut self.statuses,
                    (_, VimEvent::Alarm { .. }) => &mut self.alarms,
                    (_, VimEvent::Answer { .. }) => &mut self.answers,
                } += 1;
            }
            What::Request { .. } => self.queries += 1,
            What::Misstep(misstep) => {
                self.missteps += 1;
                self.lost += u64::from(*misstep == Misstep::Chunked);
            }
            What::Command { correction, outcome, .. } => {
                self.commands += 1;
                self.corrections += u64::from(*correction);
                self.failed += u64::from(outcome.is_err());
            }
            What::Silence { .. } => self.silences += 1,
            What::Away | What::Back | What::Down(_) => {}
        }
    }
}
