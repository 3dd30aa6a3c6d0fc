//! Votes and notifications of one instance: one at a time, each answered once.
//! (docs/protocol.md, "Host side", rules 9 and 10.)

use std::time::Duration;

use protocol::channel::{ActionResponse, EventType, LogMsg, Notice, NotificationType, VoteResult};

use super::policy::{ABSENCE, ANNOUNCED_MAX};

/// The times that a guest announced in its init, in seconds.
#[derive(Debug, Clone)]
pub(super) struct Timeouts {
    pub(super) vote: u32,
    pub(super) shutdown: u32,
    pub(super) suspend: u32,
    pub(super) resume: u32,
    pub(super) restart: u32,
}

impl Default for Timeouts {
    /// What is reported before an init.
    fn default() -> Self {
        Self { vote: 10, shutdown: 10, suspend: 10, resume: 10, restart: 120 }
    }
}

impl Timeouts {
    /// How long the guest may take, in seconds.
    pub(super) fn answer_secs(&self, event: EventType, kind: NotificationType) -> u32 {
        match event.notice(kind) {
            Notice::Vote => self.vote,
            Notice::Shutdown => self.shutdown,
            Notice::Suspend => self.suspend,
            Notice::Resume => self.resume,
        }
    }

    /// How long the guest may be silent once `event` was announced to it and answered; `None` if
    /// the event does not excuse silence.
    pub(super) fn absence(&self, event: EventType, kind: NotificationType) -> Option<Duration> {
        use EventType as E;
        match (kind, event) {
            (NotificationType::Revocable, _) => None,
            (_, E::Reboot) => Some(Duration::from_secs(self.restart.into()).min(ANNOUNCED_MAX)),
            (_, E::Suspend | E::Pause | E::Stop | E::LiveMigrateBegin | E::ColdMigrateBegin) => {
                Some(ABSENCE)
            }
            _ => None,
        }
    }
}

/// A request that the guest has not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) event: EventType,
    pub(super) kind: NotificationType,
    /// How many requests of this event and kind wait for this one answer.
    pub(super) askers: u32,
}

impl Request {
    /// Whether a response answers this request: it names the event, or is from a client that does
    /// not know it. A response that names another is late.
    pub(super) fn is_answered_by(self, response: &ActionResponse) -> bool {
        response.event_type == EventType::Unknown
            || (response.event_type == self.event && response.notification_type == self.kind)
    }

    /// The guest's answer as the agent gets it.
    pub(super) fn result(self, response: &ActionResponse) -> VoteResult {
        match response.vote_result {
            refusal @ (VoteResult::Reject | VoteResult::Timeout) => refusal,
            _ => self.agreement(),
        }
    }

    /// The answer that lets the orchestrator go on.
    pub(super) fn agreement(self) -> VoteResult {
        match self.kind {
            NotificationType::Revocable => VoteResult::Accept,
            NotificationType::Irrevocable => VoteResult::Complete,
        }
    }

    /// Why, in the guest's words; an answer that is no answer is said to be one.
    pub(super) fn reason(response: &ActionResponse) -> LogMsg {
        match response.vote_result {
            unclear @ (VoteResult::Error | VoteResult::Unknown) => {
                LogMsg::new(&format!("guest answered {unclear}: {}", response.log_msg))
            }
            _ => response.log_msg.clone(),
        }
    }
}
