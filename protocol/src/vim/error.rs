//! Why a request is refused, in the VIM's terms.

use std::fmt;

use serde::Serialize;

use super::json;

/// The reason in the body of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A host, an instance or a path that the agent does not have.
    EntityNotFound,
    /// The body is no JSON object.
    CommandParseError,
    /// A needed key is missing or has a value that makes no sense.
    InvalidData,
    /// A state that is neither `enabled` nor `disabled`.
    BadState,
    /// A path that is known, a method that it does not have.
    UnsupportedHttpCommand,
    /// No body where one is needed, or one that is too long.
    NoBuffer,
}

impl Reason {
    /// Every reason.
    pub const ALL: &[Self] = &[
        Self::EntityNotFound,
        Self::CommandParseError,
        Self::InvalidData,
        Self::BadState,
        Self::UnsupportedHttpCommand,
        Self::NoBuffer,
    ];

    /// The words on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EntityNotFound => "entity not found",
            Self::CommandParseError => "command parse error",
            Self::InvalidData => "invalid data",
            Self::BadState => "bad state",
            Self::UnsupportedHttpCommand => "unsupported http command",
            Self::NoBuffer => "no buffer",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a request of the VIM is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{status} {reason}")]
pub struct RestError {
    /// The HTTP status.
    pub status: u16,
    /// What the body says.
    pub reason: Reason,
}

impl RestError {
    /// 404: an unknown path, host or instance.
    pub const NOT_FOUND: Self = Self::new(404, Reason::EntityNotFound);
    /// 400: an instance is created on a host that the agent does not know.
    pub const UNKNOWN_HOST: Self = Self::new(400, Reason::EntityNotFound);
    /// 400: the body is no JSON object.
    pub const PARSE: Self = Self::new(400, Reason::CommandParseError);
    /// 400: a uuid, a key, a service or an action that makes no sense.
    pub const INVALID_DATA: Self = Self::new(400, Reason::InvalidData);
    /// 400: a state that is neither `enabled` nor `disabled`.
    pub const BAD_STATE: Self = Self::new(400, Reason::BadState);
    /// 403: a `User-Agent` that is not the VIM's.
    pub const FORBIDDEN: Self = Self::new(403, Reason::InvalidData);
    /// 405: a method that the path does not have.
    pub const METHOD_NOT_ALLOWED: Self = Self::new(405, Reason::UnsupportedHttpCommand);
    /// 411: no body where one is needed.
    pub const LENGTH_REQUIRED: Self = Self::new(411, Reason::NoBuffer);
    /// 413: a body that is longer than the agent reads.
    pub const TOO_LARGE: Self = Self::new(413, Reason::NoBuffer);

    const fn new(status: u16, reason: Reason) -> Self {
        Self { status, reason }
    }

    /// The body of the reply.
    pub fn body(self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Fail {
            status: &'static str,
            reason: &'static str,
        }
        json::bytes(&Fail { status: "fail", reason: self.reason.as_str() })
    }
}

/// Why a body that is not a command was not understood: a reply, or what the VIM's side reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Not one JSON object in UTF-8.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// A needed key is absent or has no valid value.
    #[error("key {0:?} is missing or invalid")]
    BadKey(&'static str),
    /// A method and path that the VIM does not have.
    #[error("not a request that the VIM has")]
    UnknownRequest,
}

/// What a body's keys get wrong, as a command's receiver says it.
impl From<BodyError> for RestError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::NotAnObject => Self::PARSE,
            BodyError::BadKey("state") => Self::BAD_STATE,
            BodyError::BadKey(_) => Self::INVALID_DATA,
            BodyError::UnknownRequest => Self::NOT_FOUND,
        }
    }
}
