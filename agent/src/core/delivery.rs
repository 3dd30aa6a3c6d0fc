//! What goes to the VIM: one request at a time, events in their order, questions about hosts
//! between them. (docs/protocol.md, "VIM REST".)

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use protocol::InstanceId;
use protocol::vim::{VimEvent, VimRequest};

use super::agent::{GuestAgent, Job};
use super::hosts::{HostKey, Sync};
use super::note::Note;
use super::policy::{ASIDE_MAX, REFUSED_FOR, RETRY_FIRST, RETRY_MAX};
use super::questions::Questions;
use super::queue::{Queue, Ticket, Waiting};
use super::{Outcome, Output};

/// What waits, what is under way, and how the VIM has been.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    pub(super) queue: Queue,
    pub(super) questions: Questions,
    under_way: Option<UnderWay>,
    /// Instances about which the VIM has said something since the list that is under way was asked
    /// for.
    overtaken: BTreeSet<InstanceId>,
    /// Failures in a row.
    failures: u32,
    /// The VIM is left alone until then.
    blocked_until: Option<Instant>,
    /// When it took something last.
    worked_at: Option<Instant>,
    /// Instances over whose events it failed, and until when they stand aside.
    aside: BTreeSet<(Instant, InstanceId)>,
    /// The last of them, if it has taken nothing since.
    failed_over: Option<InstanceId>,
    /// The last request was a question: then it is the events' turn.
    asked_last: bool,
    /// The last event was an alarm or an answer: then it is a status's turn.
    was_urgent: bool,
}

/// The request that has no outcome yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UnderWay {
    Event(Ticket),
    Question(HostKey, Sync),
}

impl Delivery {
    /// The VIM says something about an instance.
    pub(super) fn overtake(&mut self, id: InstanceId) {
        if matches!(self.under_way, Some(UnderWay::Question(_, Sync::List))) {
            self.overtaken.insert(id);
        }
    }

    /// Whether it did so since the list that has come was asked for.
    pub(super) fn was_overtaken(&self, id: InstanceId) -> bool {
        self.overtaken.contains(&id)
    }
}

impl GuestAgent {
    /// Starts the next request if there is none under way and the VIM takes any.
    pub(super) fn pump(&mut self, now: Instant) {
        self.release_due(now);
        let delivery = &self.delivery;
        if delivery.under_way.is_some() || delivery.blocked_until.is_some_and(|until| until > now) {
            return;
        }
        let event_first = self.delivery.asked_last || self.delivery.questions.is_empty();
        if event_first && self.send_event() {
            return;
        }
        if !self.send_question() {
            self.send_event();
        }
    }

    /// A status that has waited tells how the instance is by now: one that differs from what the
    /// VIM knows of host and reporting makes it correct us.
    fn send_event(&mut self) -> bool {
        let delivery = &self.delivery;
        let Some((ticket, waiting)) = delivery.queue.first(delivery.was_urgent) else {
            return false;
        };
        let event = match &waiting.event {
            VimEvent::Status { uuid, .. } => self.status(*uuid),
            VimEvent::Alarm { .. } | VimEvent::Answer { .. } => None,
        };
        let event = event.unwrap_or_else(|| waiting.event.clone());
        self.delivery.under_way = Some(UnderWay::Event(ticket));
        self.delivery.asked_last = false;
        self.delivery.was_urgent = !matches!(event, VimEvent::Status { .. });
        self.put(Output::Vim(VimRequest::Event(event)));
        true
    }

    fn send_question(&mut self) -> bool {
        let Some((key, asked, request)) = self.next_question() else { return false };
        self.delivery.overtaken.clear();
        self.delivery.under_way = Some(UnderWay::Question(key, asked));
        self.delivery.asked_last = true;
        self.put(Output::Vim(request));
        true
    }

    pub(super) fn vim_outcome(&mut self, now: Instant, outcome: &Outcome) {
        let Some(under_way) = self.delivery.under_way.take() else { return };
        match outcome {
            Outcome::NotSent | Outcome::Unknown => self.failed(now),
            Outcome::Replied { status: 500.., .. } => {}
            Outcome::Replied { .. } | Outcome::Closed => self.worked(now),
        }
        match under_way {
            UnderWay::Event(ticket) => self.event_outcome(now, ticket, outcome),
            UnderWay::Question(key, asked) => self.question_outcome(now, key, asked, outcome),
        }
    }

    fn failed(&mut self, now: Instant) {
        self.counters.retries += 1;
        self.leave_alone(now);
    }

    /// Longer each time that nothing worked in between.
    fn leave_alone(&mut self, now: Instant) {
        let wait = self.wait_after(self.delivery.failures);
        self.delivery.failures += 1;
        self.block(now, wait);
        if self.delivery.failures.is_power_of_two() {
            let waiting = self.waiting();
            self.note(now, None, Note::VimAway { retry_in: wait, waiting });
        }
    }

    fn wait_after(&mut self, failures: u32) -> Duration {
        let wait = (RETRY_FIRST * (1 << failures.min(5))).min(RETRY_MAX);
        wait * (1000 - (self.random)() % 100) / 1000
    }

    fn block(&mut self, now: Instant, wait: Duration) {
        self.delivery.blocked_until = Some(now + wait);
        self.jobs.insert((now + wait, Job::Retry));
    }

    fn worked(&mut self, now: Instant) {
        if std::mem::take(&mut self.delivery.failures) > 0 {
            let waiting = self.waiting();
            self.note(now, None, Note::VimBack { waiting });
        }
        self.delivery.blocked_until = None;
        self.delivery.worked_at = Some(now);
        self.delivery.failed_over = None;
    }

    fn event_outcome(&mut self, now: Instant, ticket: Ticket, outcome: &Outcome) {
        match outcome {
            Outcome::Closed | Outcome::Replied { status: 200..300, .. } => {
                self.counters.delivered += 1;
                self.delivery.queue.remove(ticket);
            }
            Outcome::NotSent => {}
            Outcome::Unknown => self.uncertain(ticket),
            Outcome::Replied { status, .. } => self.refused(now, ticket, *status),
        }
    }

    /// A status is sent again, but does not stand in the others' way for ever; an alarm or an
    /// answer is sent once more.
    fn uncertain(&mut self, ticket: Ticket) {
        self.counters.uncertain += 1;
        let Some(waiting) = self.delivery.queue.get_mut(ticket) else { return };
        waiting.uncertain += 1;
        if waiting.uncertain < 2 {
            return;
        }
        if matches!(waiting.event, VimEvent::Status { .. }) {
            self.delivery.queue.requeue(ticket);
        } else {
            self.delivery.queue.remove(ticket);
        }
    }

    /// The VIM answered with an error. One of its own (5xx) may pass: the event is sent again, like
    /// to a VIM that is away, unless the VIM has failed over it for long while it took others.
    fn refused(&mut self, now: Instant, ticket: Ticket, status: u16) {
        let Some(waiting) = self.delivery.queue.get_mut(ticket) else { return };
        waiting.refused += 1;
        let since = *waiting.refused_at.get_or_insert(now);
        let (id, times) = (waiting.event.uuid(), waiting.refused);
        let takes_others = self.delivery.worked_at.is_some_and(|at| at > since);
        if status >= 500 && !(takes_others && now >= since + REFUSED_FOR) {
            self.counters.retries += 1;
            return self.stand_aside(now, id, times);
        }
        self.counters.refused_events += 1;
        if let Some(Waiting { event, .. }) = self.delivery.queue.remove(ticket) {
            self.note(now, Some(id), Note::VimRefused(status));
            self.vim_missed(&event);
        }
    }

    /// What the VIM fails over must not hold up the others, and what comes after it about the same
    /// instance must not overtake it. If it fails over another instance next, it fails over all.
    fn stand_aside(&mut self, now: Instant, id: InstanceId, times: u32) {
        let wait = self.wait_after(times - 1).min(ASIDE_MAX);
        self.delivery.queue.hold(id);
        self.delivery.aside.insert((now + wait, id));
        self.jobs.insert((now + wait, Job::Retry));
        if self.delivery.failed_over.replace(id).is_some_and(|last| last != id) {
            self.leave_alone(now);
        }
    }

    fn release_due(&mut self, now: Instant) {
        while let Some((_, id)) = self.delivery.aside.first().filter(|(at, _)| *at <= now).copied()
        {
            self.delivery.aside.pop_first();
            self.delivery.queue.release(id);
        }
    }
}

#[cfg(test)]
impl Delivery {
    /// How many instances do.
    pub(super) fn standing_aside(&self) -> usize {
        self.aside.len()
    }
}
