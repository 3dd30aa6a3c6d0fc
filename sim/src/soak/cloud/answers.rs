//! Each vote and notification that the agent accepted is answered to the VIM exactly once, at most a
//! second after the guest has answered or its time is over, and in the guest's sense.

use std::time::{Duration, Instant};

use protocol::channel::{EventType, NotificationType, VoteResult};
use protocol::datagram::Answer;
use protocol::vim::GuestResponse;

use super::super::invariants::{Verdict, violated};
use super::order::asked;

/// From the moment in which an answer is known, or overdue, to the VIM.
const SOON: Duration = Duration::from_secs(1);
/// Requests to the VIM that go first.
const SLACK: Duration = Duration::from_millis(100);

/// What an instance is asked.
#[derive(Debug, Default)]
pub(super) struct Answers {
    open: Vec<Ask>,
}

#[derive(Debug)]
struct Ask {
    action: EventType,
    kind: NotificationType,
    /// The guest has until then.
    until: Instant,
    /// The VIM is to have the answer by then; not known if somebody was unwell.
    due: Option<Instant>,
    /// It must be answered; otherwise it may.
    must: bool,
    /// What the guest says, as far as it has reached the controller in time.
    heard: Option<VoteResult>,
}

impl Answers {
    /// How many are open.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// The agent accepts a request and tells the VIM to wait for so many seconds.
    pub(super) fn asked(
        &mut self,
        now: Instant,
        (action, is_vote): (EventType, bool),
        secs: u32,
        well: bool,
    ) {
        let revocable = NotificationType::Revocable;
        let kind = if is_vote { revocable } else { NotificationType::Irrevocable };
        let until = now + Duration::from_secs(secs.into());
        let due = well.then_some(until + SOON);
        self.open.push(Ask { action, kind, until, due, must: true, heard: None });
    }

    /// The only open request that an answer can belong to.
    fn only(&mut self, answer: &Answer) -> Option<&mut Ask> {
        let mut fitting = self.open.iter_mut().filter(|ask| ask.action == answer.event_type);
        let ask = fitting.next().filter(|ask| ask.kind == answer.notification_type)?;
        fitting.next().is_none().then_some(ask)
    }

    /// A guest's answer reaches the controller.
    pub(super) fn arrived(&mut self, now: Instant, answer: &Answer) {
        if let Some(ask) = self.only(answer).filter(|ask| now <= ask.until && ask.heard.is_none()) {
            ask.heard = Some(answer.vote);
        }
    }

    /// The agent takes a guest's answer.
    pub(super) fn taken(&mut self, now: Instant, answer: &Answer) {
        if let Some(ask) = self.only(answer) {
            ask.due = ask.due.map(|due| due.min(now + SOON));
        }
    }

    /// The VIM decides something about the instance, which may be elsewhere now.
    pub(super) fn decided(&mut self) {
        self.open.iter_mut().for_each(|ask| ask.heard = None);
    }

    /// The agent is not sure about one.
    pub(super) fn uncertain(&mut self) {
        self.open.iter_mut().for_each(|ask| ask.must = false);
    }

    /// The VIM takes an answer; `sure`: of this agent, and of an instance that was left in peace.
    pub(super) fn took(
        &mut self,
        number: usize,
        (action, response): (EventType, GuestResponse),
        sure: bool,
        well: bool,
    ) -> Verdict {
        let kind = asked(response);
        let fits = |ask: &Ask| ask.action == action && ask.kind == kind;
        let index = self.open.iter().position(|ask| fits(ask) && ask.must);
        let Some(index) = index.or_else(|| self.open.iter().position(fits)) else {
            if sure {
                return violated(
                    number,
                    format!("the VIM gets one answer: {response:?} to {action}"),
                );
            }
            return Ok(());
        };
        let ask = self.open.remove(index);
        let is_rejected = ask.heard == Some(VoteResult::Reject);
        if well
            && sure
            && is_rejected
            && kind == NotificationType::Revocable
            && response != GuestResponse::Reject
        {
            return violated(number, format!("a guest's objection to {action} reaches the VIM"));
        }
        Ok(())
    }

    /// Whether the VIM waits in vain while all are well.
    pub(super) fn overdue(&mut self, number: usize, now: Instant, well: bool) -> Verdict {
        if !well {
            self.open.iter_mut().for_each(|ask| ask.due = None);
        }
        let overdue = |ask: &&Ask| ask.must && ask.due.is_some_and(|due| now > due + SLACK);
        match self.open.iter().find(overdue) {
            Some(ask) => violated(
                number,
                format!("the VIM hears the guest's answer within {SOON:?}: {ask:?}"),
            ),
            None => Ok(()),
        }
    }

    /// At the end of a calm.
    pub(super) fn all_answered(&mut self, number: usize) -> Verdict {
        if let Some(ask) = self.open.iter().find(|ask| ask.must) {
            let sentence = format!("every vote and notification is answered to the VIM: {ask:?}");
            return violated(number, sentence);
        }
        self.open.clear();
        Ok(())
    }
}
