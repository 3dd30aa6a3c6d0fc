//! The messages of the application API, typed, and their bytes.

use super::numbers::Number;
use super::{FRAME, HEADER, LOG_MSG, MAGIC, NAME, REVISION, SIZE, VERSION};
use crate::Text;
use crate::channel::{CorrectiveAction, EventType, Health, NotificationType, VoteResult};

/// `application_name`, with room for its NUL.
pub type AppName = Text<{ NAME - 1 }>;
/// `log_msg`, with room for its NUL.
pub type LogText = Text<{ LOG_MSG - 1 }>;

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The sender's count of its frames; for the reader of logs.
    pub sequence: u32,
    /// What it says.
    pub message: Message,
}

/// What applications and the client say to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// An application registers.
    Init(Init),
    /// Whether the client takes it.
    InitAck {
        /// It does.
        accepted: bool,
    },
    /// An application deregisters, and why.
    Final(LogText),
    /// The client asks an application whether it is there.
    Challenge(u32),
    /// The application's answer.
    ChallengeResponse(ChallengeResponse),
    /// The client asks for a vote, or tells of what happens.
    ActionNotify(ActionNotify),
    /// The application's answer.
    ActionResponse(ActionResponse),
}

/// An application's announcement of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Init {
    /// Its name, for people, and to know it again after a crash.
    pub application_name: AppName,
    /// Time between challenges, in milliseconds; at least 400.
    pub heartbeat_interval_ms: u32,
    /// Seconds that a vote may take.
    pub vote_secs: u32,
    /// Seconds that it wants before a stop or reboot.
    pub shutdown_notice_secs: u32,
    /// Seconds that it wants before a pause, suspend, resize or migration.
    pub suspend_notice_secs: u32,
    /// Seconds that it wants after these.
    pub resume_notice_secs: u32,
    /// What to do when it stops answering.
    pub corrective_action: CorrectiveAction,
}

/// The answer to a challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChallengeResponse {
    /// The challenge's value.
    pub heartbeat_response: u32,
    /// How the application is. 0 on the wire is unhealthy, anything else healthy.
    pub health: Health,
    /// What to do about it when unhealthy.
    pub corrective_action: CorrectiveAction,
    /// Why, for people.
    pub log_msg: LogText,
}

/// A vote or a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActionNotify {
    /// Random, of its own for each application and question; the answer must repeat it.
    pub invocation_id: u32,
    /// What happens.
    pub event_type: EventType,
    /// Vote or notification; `None`: a number that the protocol does not have.
    pub notification_type: Option<NotificationType>,
}

/// The answer to an [`ActionNotify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionResponse {
    /// That of the question.
    pub invocation_id: u32,
    /// What was asked about.
    pub event_type: EventType,
    /// Vote or notification; `None`: a number that the protocol does not have.
    pub notification_type: Option<NotificationType>,
    /// The answer.
    pub vote_result: VoteResult,
    /// Why, for people.
    pub log_msg: LogText,
}

impl Message {
    /// `msg_type` on the wire.
    pub fn number(&self) -> u16 {
        match self {
            Self::Init(_) => 0,
            Self::InitAck { .. } => 1,
            Self::Final(_) => 2,
            Self::Challenge(_) => 3,
            Self::ChallengeResponse(_) => 4,
            Self::ActionNotify(_) => 5,
            Self::ActionResponse(_) => 6,
        }
    }

    /// The whole frame. What the body leaves over is zero.
    pub fn encode(&self, sequence: u32) -> [u8; FRAME] {
        let mut frame = Writer { bytes: [0; FRAME], at: 0 };
        frame.put(&MAGIC);
        frame.put(&[VERSION, REVISION]);
        frame.put(&self.number().to_le_bytes());
        frame.number(sequence);
        frame.number(SIZE);
        self.encode_body(&mut frame);
        frame.bytes
    }

    fn encode_body(&self, frame: &mut Writer) {
        match self {
            Self::Init(init) => init.encode(frame),
            Self::InitAck { accepted } => frame.number((*accepted).into()),
            Self::Final(log_msg) => frame.text(log_msg.as_str(), LOG_MSG),
            Self::Challenge(value) => frame.number(*value),
            Self::ChallengeResponse(answer) => {
                frame.number(answer.heartbeat_response);
                frame.number((answer.health == Health::Healthy).into());
                frame.number(answer.corrective_action.number());
                frame.text(answer.log_msg.as_str(), LOG_MSG);
            }
            Self::ActionNotify(notify) => {
                frame.number(notify.invocation_id);
                frame.number(notify.event_type.number());
                frame.number(notify.notification_type.number());
            }
            Self::ActionResponse(answer) => {
                frame.number(answer.invocation_id);
                frame.number(answer.event_type.number());
                frame.number(answer.notification_type.number());
                frame.number(answer.vote_result.number());
                frame.text(answer.log_msg.as_str(), LOG_MSG);
            }
        }
    }

    /// Reads the body of a frame; `None` for a type that the protocol does not have.
    pub(super) fn decode(msg_type: u16, body: &[u8; FRAME - HEADER]) -> Option<Self> {
        let mut body = Reader(body);
        Some(match msg_type {
            0 => Self::Init(Init::decode(&mut body)),
            1 => Self::InitAck { accepted: body.number() != 0 },
            2 => Self::Final(body.text(LOG_MSG)),
            3 => Self::Challenge(body.number()),
            4 => Self::ChallengeResponse(ChallengeResponse {
                heartbeat_response: body.number(),
                health: if body.number() == 0 { Health::Unhealthy } else { Health::Healthy },
                corrective_action: CorrectiveAction::from_number(body.number()),
                log_msg: body.text(LOG_MSG),
            }),
            5 => Self::ActionNotify(ActionNotify {
                invocation_id: body.number(),
                event_type: EventType::from_number(body.number()),
                notification_type: Number::from_number(body.number()),
            }),
            6 => Self::ActionResponse(ActionResponse {
                invocation_id: body.number(),
                event_type: EventType::from_number(body.number()),
                notification_type: Number::from_number(body.number()),
                vote_result: VoteResult::from_number(body.number()),
                log_msg: body.text(LOG_MSG),
            }),
            _ => return None,
        })
    }
}

impl Init {
    fn encode(&self, frame: &mut Writer) {
        frame.text(self.application_name.as_str(), NAME);
        for number in [
            self.heartbeat_interval_ms,
            self.vote_secs,
            self.shutdown_notice_secs,
            self.suspend_notice_secs,
            self.resume_notice_secs,
            self.corrective_action.number(),
        ] {
            frame.number(number);
        }
    }

    fn decode(body: &mut Reader<'_>) -> Self {
        Self {
            application_name: body.text(NAME),
            heartbeat_interval_ms: body.number(),
            vote_secs: body.number(),
            shutdown_notice_secs: body.number(),
            suspend_notice_secs: body.number(),
            resume_notice_secs: body.number(),
            corrective_action: CorrectiveAction::from_number(body.number()),
        }
    }
}

struct Writer {
    bytes: [u8; FRAME],
    at: usize,
}

impl Writer {
    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    fn number(&mut self, number: u32) {
        self.put(&number.to_le_bytes());
    }

    /// Text in a field of `len` bytes, which is longer than the text.
    fn text(&mut self, text: &str, len: usize) {
        self.put(text.as_bytes());
        self.at += len - text.len();
    }
}

/// Reads the fields of a body, of which each is shorter than the body.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn number(&mut self) -> u32 {
        let (bytes, rest) = self.0.split_first_chunk().expect("a body has all of its fields");
        self.0 = rest;
        u32::from_le_bytes(*bytes)
    }

    /// What stands before the first NUL; all of the field if there is none.
    fn text<const MAX: usize>(&mut self, len: usize) -> Text<MAX> {
        let (field, rest) = self.0.split_at(len);
        self.0 = rest;
        let text = field.split(|byte| *byte == 0).next().unwrap_or_default();
        Text::new(&String::from_utf8_lossy(text))
    }
}
