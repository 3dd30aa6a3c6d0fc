//! What the VIM was told and what it makes of it, and what guests' clients said.

use std::fmt;
use std::time::Instant;

use protocol::InstanceId;
use protocol::channel::{GuestMessage, Health};
use protocol::vim::{AlarmState, GuestResponse, VimEvent};

use crate::vim::Consequence;

/// An event as the VIM understood it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// When the VIM had read it.
    pub(super) at: Instant,
    /// About whom.
    pub(super) id: InstanceId,
    pub(super) kind: Kind,
    /// Why, in the guest's words; mostly empty.
    pub(super) reason: String,
}

/// What it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The status: heartbeating.
    Running,
    /// The status: not heartbeating.
    Stopped,
    /// A loss or ill health, and what the VIM does about it.
    Alarm(AlarmState, Consequence),
    /// The answer to a vote or a notification, and what that means to the VIM.
    Answer(GuestResponse, Consequence),
}

/// What a guest's client said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Init,
    /// The answer to a challenge, a heartbeat: healthy.
    Answer,
    /// The same: unhealthy.
    Unhealthy,
    Exit,
}

impl Told {
    pub(super) fn new(at: Instant, event: &VimEvent, consequence: Consequence) -> Self {
        let (kind, reason) = match event {
            VimEvent::Status { heartbeating, .. } if heartbeating.is_on() => (Kind::Running, ""),
            VimEvent::Status { .. } => (Kind::Stopped, ""),
            VimEvent::Alarm { state, .. } => (Kind::Alarm(*state, consequence), ""),
            VimEvent::Answer { response, reason, .. } => {
                (Kind::Answer(*response, consequence), reason.as_str())
            }
        };
        Self { at, id: event.uuid(), kind, reason: reason.to_owned() }
    }
}

impl Kind {
    /// The event without what the VIM makes of it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Running => "heartbeat running",
            Self::Stopped => "heartbeat stopped",
            Self::Alarm(state, _) => state.as_str(),
            Self::Answer(response, _) => response.as_str(),
        }
    }

    /// The same for a sentence.
    pub(super) fn short(self) -> &'static str {
        match self {
            Self::Running => "heartbeats",
            Self::Stopped => "stopped",
            Self::Alarm(..) | Self::Answer(..) => self.word(),
        }
    }

    /// The same for a table, with what the VIM makes of it.
    pub(super) fn cell(self) -> String {
        match self {
            Self::Alarm(state, Consequence::Reboots) => format!("{} -> reboots it", state.as_str()),
            _ => self.to_string(),
        }
    }

    /// What the VIM makes of it, if that is more than to know it.
    pub(super) fn consequence(self) -> Option<Consequence> {
        match self {
            Self::Running | Self::Stopped => None,
            Self::Alarm(_, consequence) | Self::Answer(_, consequence) => Some(consequence),
        }
    }

    /// Whether it is about a failure.
    pub(super) fn is_alarm(self) -> bool {
        matches!(self, Self::Alarm(..))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        self.consequence().map_or(Ok(()), |consequence| write!(f, " -> {consequence}"))
    }
}

impl Said {
    pub(super) fn of(message: &GuestMessage) -> Option<Self> {
        match message {
            GuestMessage::Init(_) => Some(Self::Init),
            GuestMessage::ChallengeResponse(response) => Some(match response.heartbeat_health {
                Health::Healthy => Self::Answer,
                Health::Unhealthy => Self::Unhealthy,
            }),
            GuestMessage::Exit(_) => Some(Self::Exit),
            GuestMessage::ActionResponse(_) => None,
        }
    }
}
