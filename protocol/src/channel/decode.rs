//! From a line to a typed object, or to the reason why not.

use super::object::{Object, Value};
use super::{
    ActionNotify, ActionResponse, ChallengeResponse, CorrectiveAction, EventType, Exit,
    GuestMessage, Health, HostMessage, Init, LogMsg, Nack, Name, NotificationType, VERSION,
    VoteResult, Word,
};
use crate::limits::INT_MAX;

/// Why a line was refused. Its `Display` is the `log_msg` of the nack.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a JSON object: dropped and counted, never answered.
    #[error("not a JSON object")]
    NotAnObject,
    /// A version that is not spoken here.
    #[error("Bad version: {0}, expect version: {VERSION}")]
    BadVersion(i64),
    /// A needed key is absent, or its value has another type or is out of range.
    #[error("failed to parse {0}")]
    BadKey(&'static str),
    /// An unknown `msg_type`, or one that goes the other way.
    #[error("unsupported message type: {0}")]
    UnknownType(Word),
}

/// A refused line: why, and what a nack repeats of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// Its `msg_type`, cut; empty if it has none.
    pub msg_type: Word,
    /// Its `invocation_id` if it has a valid one.
    pub invocation_id: Option<u32>,
}

impl GuestMessage {
    /// Reads what a guest sent. Versions above ours are taken as ours.
    pub fn decode(line: &[u8]) -> Result<Self, Refused> {
        decode(line, |version| version >= i64::from(VERSION), Self::from_object)
    }

    fn from_object(msg_type: &str, object: &Object<'_>) -> Result<Self, Refusal> {
        match msg_type {
            "init" => Ok(Self::Init(Init {
                invocation_id: object.invocation_id.id("invocation_id")?,
                name: Name::new(object.name.str("name")?),
                heartbeat_interval_ms: object
                    .heartbeat_interval_ms
                    .amount("heartbeat_interval_ms")?,
                vote_secs: object.vote_secs.amount("vote_secs")?,
                shutdown_notice_secs: object.shutdown_notice_secs.amount("shutdown_notice_secs")?,
                suspend_notice_secs: object.suspend_notice_secs.amount("suspend_notice_secs")?,
                resume_notice_secs: object.resume_notice_secs.amount("resume_notice_secs")?,
                restart_secs: object.restart_secs.amount("restart_secs")?,
                corrective_action: action(object.corrective_action.str("corrective_action")?),
            })),
            "challenge_response" => Ok(Self::ChallengeResponse(ChallengeResponse {
                heartbeat_response: object.heartbeat_response.id("heartbeat_response")?,
                heartbeat_health: object
                    .heartbeat_health
                    .word("heartbeat_health", Health::from_word)?,
                corrective_action: match object.corrective_action {
                    Value::Absent => None,
                    ref value => Some(action(value.str("corrective_action")?)),
                },
                log_msg: object.log_msg()?,
            })),
            "action_response" => Ok(Self::ActionResponse(ActionResponse {
                invocation_id: object.invocation_id.id("invocation_id")?,
                event_type: event(object.event_type.str("event_type")?),
                notification_type: object
                    .notification_type
                    .word("notification_type", NotificationType::from_word)?,
                vote_result: VoteResult::from_word(object.vote_result.str("vote_result")?)
                    .unwrap_or(VoteResult::Unknown),
                log_msg: object.log_msg()?,
            })),
            "exit" => Ok(Self::Exit(Exit { log_msg: object.log_msg()? })),
            other => Err(Refusal::UnknownType(Word::new(other))),
        }
    }
}

impl HostMessage {
    /// Reads what a host sent.
    pub fn decode(line: &[u8]) -> Result<Self, Refused> {
        decode(line, |version| version == i64::from(VERSION), Self::from_object)
    }

    fn from_object(msg_type: &str, object: &Object<'_>) -> Result<Self, Refusal> {
        match msg_type {
            "init_ack" => {
                Ok(Self::InitAck { invocation_id: object.invocation_id.id("invocation_id")? })
            }
            "challenge" => Ok(Self::Challenge {
                heartbeat_challenge: object.heartbeat_challenge.id("heartbeat_challenge")?,
            }),
            "action_notify" => Ok(Self::ActionNotify(ActionNotify {
                invocation_id: object.invocation_id.id("invocation_id")?,
                event_type: event(object.event_type.str("event_type")?),
                notification_type: object
                    .notification_type
                    .word("notification_type", NotificationType::from_word)?,
                timeout_ms: object.timeout_ms.amount("timeout_ms")?,
            })),
            "exit" => Ok(Self::Exit(Exit { log_msg: object.log_msg()? })),
            "nack" => Ok(Self::Nack(Nack {
                invocation_id: object.invocation_id.id("invocation_id").unwrap_or(0),
                orig_msg_type: Word::new(object.orig_msg_type.str("orig_msg_type").unwrap_or("")),
                log_msg: object.log_msg()?,
            })),
            other => Err(Refusal::UnknownType(Word::new(other))),
        }
    }
}

fn decode<T>(
    line: &[u8],
    speaks: fn(i64) -> bool,
    typed: fn(&str, &Object<'_>) -> Result<T, Refusal>,
) -> Result<T, Refused> {
    let Some(object) = Object::parse(line) else {
        return Err(Refused {
            refusal: Refusal::NotAnObject,
            msg_type: Word::default(),
            invocation_id: None,
        });
    };
    check_version(&object, speaks)
        .and_then(|()| typed(object.msg_type.str("msg_type")?, &object))
        .map_err(|refusal| Refused {
            refusal,
            msg_type: Word::new(object.msg_type.str("msg_type").unwrap_or("")),
            invocation_id: object.invocation_id.id("invocation_id").ok(),
        })
}

fn check_version(object: &Object<'_>, speaks: fn(i64) -> bool) -> Result<(), Refusal> {
    match object.version {
        Value::Int(version) if speaks(version) => Ok(()),
        Value::Int(version) => Err(Refusal::BadVersion(version)),
        _ => Err(Refusal::BadKey("version")),
    }
}

/// A corrective action that the protocol does not have is not worth a nack: nothing is done then.
fn action(word: &str) -> CorrectiveAction {
    CorrectiveAction::from_word(word).unwrap_or(CorrectiveAction::Unknown)
}

fn event(word: &str) -> EventType {
    EventType::from_word(word).unwrap_or(EventType::Unknown)
}

impl Object<'_> {
    /// `log_msg` may be left out (the published API has it only with bad news).
    fn log_msg(&self) -> Result<LogMsg, Refusal> {
        match self.log_msg {
            Value::Absent => Ok(LogMsg::default()),
            ref value => Ok(LogMsg::new(value.str("log_msg")?)),
        }
    }
}

impl Value<'_> {
    fn str(&self, key: &'static str) -> Result<&str, Refusal> {
        match self {
            Self::Str(text) => Ok(text),
            _ => Err(Refusal::BadKey(key)),
        }
    }

    fn word<T>(&self, key: &'static str, read: fn(&str) -> Option<T>) -> Result<T, Refusal> {
        read(self.str(key)?).ok_or(Refusal::BadKey(key))
    }

    /// A number that must come back as it was sent: one beyond [`INT_MAX`] could not.
    fn id(&self, key: &'static str) -> Result<u32, Refusal> {
        match self {
            Self::Int(number) => {
                u32::try_from(*number).ok().filter(|id| *id <= INT_MAX).ok_or(Refusal::BadKey(key))
            }
            _ => Err(Refusal::BadKey(key)),
        }
    }

    /// A length of time: one beyond [`INT_MAX`] is taken as [`INT_MAX`], as peers do.
    fn amount(&self, key: &'static str) -> Result<u32, Refusal> {
        match self {
            Self::Int(number @ 0..) => Ok(u32::try_from(*number).unwrap_or(INT_MAX).min(INT_MAX)),
            _ => Err(Refusal::BadKey(key)),
        }
    }
}
