//! The guest channel: one JSON object a line, in both directions (docs/protocol.md, "Guest channel").
//!
//! [`LineDecoder`] cuts a byte stream into lines, [`GuestMessage::decode`] and
//! [`HostMessage::decode`] read a line, and `encode` writes an object with its delimiters.

mod decode;
mod encode;
mod line;
mod message;
mod object;
mod words;

pub use decode::{Refusal, Refused};
pub use line::{LineDecoder, Lines};
pub use message::{
    ActionNotify, ActionResponse, ChallengeResponse, Exit, GuestMessage, HostMessage, Init, Nack,
};
pub use words::{CorrectiveAction, EventType, Health, Notice, NotificationType, VoteResult};

/// Protocol version of every object that we send.
pub const VERSION: u32 = 3;
/// Protocol revision of every object that we send.
pub const REVISION: u32 = 1;

/// `name` of an init.
pub type Name = crate::Text<{ crate::limits::NAME_MAX }>;
/// `log_msg` of any object.
pub type LogMsg = crate::Text<{ crate::limits::LOG_MSG_MAX }>;
/// Any other string on the channel.
pub type Word = crate::Text<{ crate::limits::WORD_MAX }>;
