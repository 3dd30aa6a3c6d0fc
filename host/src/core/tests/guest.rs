//! What guests say, for the scenarios.

use protocol::channel::{
    ActionResponse, ChallengeResponse, CorrectiveAction, EventType, Exit, GuestMessage, Health,
    Init, NotificationType, VoteResult,
};

/// The invocation id of [`init`].
pub(super) const INVOCATION: u32 = 4711;

pub(super) fn init() -> Init {
    Init {
        invocation_id: INVOCATION,
        name: "guest".into(),
        heartbeat_interval_ms: 1000,
        vote_secs: 11,
        shutdown_notice_secs: 12,
        suspend_notice_secs: 13,
        resume_notice_secs: 14,
        restart_secs: 121,
        corrective_action: CorrectiveAction::Reboot,
    }
}

pub(super) fn answer(challenge: u32) -> ChallengeResponse {
    ChallengeResponse {
        heartbeat_response: challenge,
        heartbeat_health: Health::Healthy,
        corrective_action: Some(CorrectiveAction::Reboot),
        log_msg: "".into(),
    }
}

pub(super) fn unhealthy(challenge: u32, action: CorrectiveAction) -> ChallengeResponse {
    ChallengeResponse {
        heartbeat_health: Health::Unhealthy,
        corrective_action: Some(action),
        log_msg: "disk full".into(),
        ..answer(challenge)
    }
}

/// An answer to an `action_notify`.
pub(super) fn vote(
    event_type: EventType,
    notification_type: NotificationType,
    vote_result: VoteResult,
) -> ActionResponse {
    ActionResponse {
        invocation_id: INVOCATION,
        event_type,
        notification_type,
        vote_result,
        log_msg: "because".into(),
    }
}

pub(super) fn exit() -> GuestMessage {
    GuestMessage::Exit(Exit { log_msg: "stopped by its operator".into() })
}
