//! Alarms and answers of an instance reach the VIM in the order in which the agent took them.

use std::collections::VecDeque;

use protocol::channel::{CorrectiveAction, EventType, LogMsg, NotificationType};
use protocol::datagram::Event;
use protocol::vim::{AlarmState, GuestResponse, VimEvent};

use super::super::invariants::{Verdict, violated};

/// What the agent took and the VIM has not got yet, oldest first.
#[derive(Debug, Default)]
pub(super) struct Order {
    taken: VecDeque<Taken>,
    /// Which of these the VIM may already have been told of was seen in another order once.
    skipped: VecDeque<Taken>,
    /// The agent was not sure about one: it may or may not have been told.
    unsure: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Loss,
    IllHealth(CorrectiveAction),
    Answer(EventType, NotificationType),
}

/// More is not worth remembering.
const SKIPPED_MAX: usize = 20;

impl Order {
    /// How many the VIM has not got.
    pub(super) fn len(&self) -> usize {
        self.taken.len()
    }

    /// The agent is not sure about one.
    pub(super) fn uncertain(&mut self) {
        self.skipped.clear();
        self.unsure = true;
    }

    /// The agent takes an event that is to go on to the VIM.
    pub(super) fn taken(&mut self, event: &Event) {
        let taken = match event {
            Event::Loss { .. } => Taken::Loss,
            Event::IllHealth(info) => Taken::IllHealth(info.repair_action),
            Event::Answer(answer) => Taken::Answer(answer.event_type, answer.notification_type),
            _ => return,
        };
        self.taken.push_back(taken);
    }

    /// The VIM takes an event.
    pub(super) fn took(&mut self, number: usize, event: &VimEvent) -> Verdict {
        let wanted = match event {
            VimEvent::Alarm { state: AlarmState::Failed, .. } => Taken::Loss,
            VimEvent::Alarm { repair_action, .. } => Taken::IllHealth(*repair_action),
            VimEvent::Answer { reason, .. } if is_agents_own(reason) => return Ok(()),
            VimEvent::Answer { action, response, .. } => Taken::Answer(*action, asked(*response)),
            VimEvent::Status { .. } => return Ok(()),
        };
        if let Some(index) = self.taken.iter().position(|taken| *taken == wanted) {
            let overtaken = self.taken.drain(..=index).take(index);
            if self.unsure {
                drop(overtaken);
            } else {
                self.skipped.extend(overtaken);
            }
            self.unsure &= !self.taken.is_empty();
            let excess = self.skipped.len().saturating_sub(SKIPPED_MAX);
            self.skipped.drain(..excess);
        } else if let Some(index) = self.skipped.iter().position(|taken| *taken == wanted) {
            self.skipped.remove(index);
            return violated(
                number,
                format!("alarms and answers keep their order: {wanted:?} was overtaken"),
            );
        }
        Ok(())
    }
}

/// The agent answers for a host that does not; no server has said it.
fn is_agents_own(reason: &LogMsg) -> bool {
    ["no answer from the guest's host in time", "too many newer requests"]
        .contains(&reason.as_str())
}

/// What the VIM had asked.
pub(super) fn asked(response: GuestResponse) -> NotificationType {
    match response {
        GuestResponse::Proceed => NotificationType::Irrevocable,
        GuestResponse::Allow | GuestResponse::Reject => NotificationType::Revocable,
    }
}
