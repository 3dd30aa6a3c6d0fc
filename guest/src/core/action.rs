//! Votes and notifications: asking the handlers, and answering for them.

use std::time::Duration;

use protocol::channel::{ActionNotify, ActionResponse, LogMsg, NotificationType, VoteResult};

use super::config::PROPAGATION;
use super::io::{Ask, AskId};

/// The question that is open, if one is. There is never more than one: a host that asks anew has
/// given up on the one before, and would take a late answer to it for an answer to the new one.
#[derive(Debug, Default)]
pub(super) struct OpenAction(Option<(AskId, ActionNotify)>);

impl OpenAction {
    pub(super) fn open(&mut self, id: AskId, notify: ActionNotify) -> Ask {
        self.0 = Some((id, notify.clone()));
        let timeout = Duration::from_millis(notify.timeout_ms.into());
        Ask { id, notify, within: timeout.saturating_sub(PROPAGATION) }
    }

    pub(super) fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// Whether this question is the open one.
    pub(super) fn is(&self, id: AskId) -> bool {
        self.0.as_ref().is_some_and(|(open, _)| *open == id)
    }

    /// Closes the question if it is this one.
    pub(super) fn close(&mut self, id: AskId) -> Option<ActionNotify> {
        self.0.take_if(|(open, _)| *open == id).map(|(_, notify)| notify)
    }

    /// Closes whatever question is open.
    pub(super) fn give_up(&mut self) -> Option<ActionNotify> {
        self.0.take().map(|(_, notify)| notify)
    }
}

/// The answer of a guest that has nothing to say about it.
pub(super) fn agreement(notification_type: NotificationType) -> VoteResult {
    match notification_type {
        NotificationType::Revocable => VoteResult::Accept,
        NotificationType::Irrevocable => VoteResult::Complete,
    }
}

/// The answer for handlers that gave none.
pub(super) fn overdue(notification_type: NotificationType) -> VoteResult {
    match notification_type {
        NotificationType::Revocable => VoteResult::Timeout,
        NotificationType::Irrevocable => VoteResult::Complete,
    }
}

pub(super) fn response(
    notify: &ActionNotify,
    vote_result: VoteResult,
    log_msg: LogMsg,
) -> ActionResponse {
    ActionResponse {
        invocation_id: notify.invocation_id,
        event_type: notify.event_type,
        notification_type: notify.notification_type,
        vote_result,
        log_msg,
    }
}
