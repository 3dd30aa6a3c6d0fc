//! The objects of the channel, typed. Field order is the order on the wire.

use super::{
    CorrectiveAction, EventType, Health, LogMsg, Name, NotificationType, VoteResult, Word,
};

/// What a guest sends to its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuestMessage {
    /// The client wants to be heartbeated.
    Init(Init),
    /// Its answer to a challenge.
    ChallengeResponse(ChallengeResponse),
    /// Its answer to an [`ActionNotify`].
    ActionResponse(ActionResponse),
    /// It leaves.
    Exit(Exit),
}

/// What a host sends to a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostMessage {
    /// The init with this invocation id was taken.
    InitAck {
        /// Echo of the init's.
        invocation_id: u32,
    },
    /// "Are you there?"
    Challenge {
        /// Random, 0..=2147483647; the answer must repeat it.
        heartbeat_challenge: u32,
    },
    /// Something is about to happen, or has happened.
    ActionNotify(ActionNotify),
    /// The host leaves (the published API has it; our host never sends it).
    Exit(Exit),
    /// An object was refused.
    Nack(Nack),
}

/// The client's announcement of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Init {
    /// Fresh and random for each init; repeated by `init_ack` and `action_notify`.
    pub invocation_id: u32,
    /// The guest's name, for people.
    pub name: Name,
    /// Time between challenges, in milliseconds.
    pub heartbeat_interval_ms: u32,
    /// Seconds that a vote may take, the propagation second included, as for the next four.
    pub vote_secs: u32,
    /// Seconds that the guest wants before a stop or reboot.
    pub shutdown_notice_secs: u32,
    /// Seconds that the guest wants before a pause, suspend, resize or migration.
    pub suspend_notice_secs: u32,
    /// Seconds that the guest wants after these.
    pub resume_notice_secs: u32,
    /// Seconds from a reboot until it heartbeats again.
    pub restart_secs: u32,
    /// What to do when it is lost.
    pub corrective_action: CorrectiveAction,
}

/// The answer to a challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChallengeResponse {
    /// The challenge's value.
    pub heartbeat_response: u32,
    /// How the guest is.
    pub heartbeat_health: Health,
    /// What to do about it when unhealthy; absent means the init's.
    pub corrective_action: Option<CorrectiveAction>,
    /// Why, for people.
    pub log_msg: LogMsg,
}

/// A vote or a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionNotify {
    /// That of the accepted init.
    pub invocation_id: u32,
    /// What happens.
    pub event_type: EventType,
    /// Vote or notification.
    pub notification_type: NotificationType,
    /// How long the host waits for the answer, in milliseconds.
    pub timeout_ms: u32,
}

/// The answer to an [`ActionNotify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionResponse {
    /// That of the `action_notify`.
    pub invocation_id: u32,
    /// What was asked about; `unknown` from a client that does not know the event.
    pub event_type: EventType,
    /// Vote or notification.
    pub notification_type: NotificationType,
    /// The answer.
    pub vote_result: VoteResult,
    /// Why, for people.
    pub log_msg: LogMsg,
}

/// A graceful leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// Why, for people.
    pub log_msg: LogMsg,
}

/// Why an object was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nack {
    /// The refused object's, else the accepted init's, else 0.
    pub invocation_id: u32,
    /// The refused object's `msg_type`; empty from peers.
    pub orig_msg_type: Word,
    /// Why, for people.
    pub log_msg: LogMsg,
}

impl GuestMessage {
    /// The `msg_type` on the wire.
    pub fn msg_type(&self) -> &'static str {
        match self {
            Self::Init(_) => "init",
            Self::ChallengeResponse(_) => "challenge_response",
            Self::ActionResponse(_) => "action_response",
            Self::Exit(_) => "exit",
        }
    }
}

impl HostMessage {
    /// The `msg_type` on the wire.
    pub fn msg_type(&self) -> &'static str {
        match self {
            Self::InitAck { .. } => "init_ack",
            Self::Challenge { .. } => "challenge",
            Self::ActionNotify(_) => "action_notify",
            Self::Exit(_) => "exit",
            Self::Nack(_) => "nack",
        }
    }
}
