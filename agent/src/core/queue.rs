//! What the VIM is to be told: in order, bounded, nothing twice.
//!
//! A newer status of an instance takes the place of an older one at the end of the queue. Alarms and
//! answers keep their order, and do not wait behind the statuses of a hundred thousand other
//! instances: the two kinds take turns. An instance can be held: all it has to tell waits, in its
//! order, while the others go on. When the queue is full the oldest status is dropped, and only
//! when there is none the oldest of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use protocol::InstanceId;
use protocol::vim::VimEvent;

use super::policy::QUEUE_MAX;

/// An event's place in the queue.
pub(super) type Ticket = u64;

/// Events that wait for the VIM.
#[derive(Debug, Default)]
pub(super) struct Queue {
    next: Ticket,
    events: BTreeMap<Ticket, Waiting>,
    /// Those that are no status.
    urgent: BTreeSet<Ticket>,
    /// The waiting status of each instance.
    statuses: BTreeMap<InstanceId, Ticket>,
    /// The same, oldest first.
    status_order: BTreeSet<Ticket>,
    /// Every waiting event of each instance.
    of_instance: BTreeSet<(InstanceId, Ticket)>,
    /// Instances whose events wait in any case.
    held: BTreeSet<InstanceId>,
    /// Of `urgent` and of `status_order`, those that are not held.
    ready_urgent: BTreeSet<Ticket>,
    ready_statuses: BTreeSet<Ticket>,
}

/// A waiting event and how it fared so far.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) event: VimEvent,
    /// How often nobody could say whether it had arrived.
    pub(super) uncertain: u32,
    /// How often the VIM failed over it.
    pub(super) refused: u32,
    /// When it did so first.
    pub(super) refused_at: Option<Instant>,
}

impl Queue {
    /// Puts an event at the end; returns the one that was dropped for it, if any.
    pub(super) fn push(&mut self, event: VimEvent) -> Option<VimEvent> {
        let (id, is_status) = (event.uuid(), matches!(event, VimEvent::Status { .. }));
        if is_status && let Some(older) = self.statuses.get(&id).copied() {
            self.remove(older);
        }
        let ticket = self.next;
        self.next += 1;
        self.events.insert(ticket, Waiting { event, uncertain: 0, refused: 0, refused_at: None });
        self.of_instance.insert((id, ticket));
        if is_status {
            self.statuses.insert(id, ticket);
            self.status_order.insert(ticket);
        } else {
            self.urgent.insert(ticket);
        }
        if !self.held.contains(&id) {
            self.make_ready(ticket);
        }
        (self.events.len() > QUEUE_MAX).then(|| self.drop_one()).flatten()
    }

    /// Puts a waiting event behind the others.
    pub(super) fn requeue(&mut self, ticket: Ticket) {
        if let Some(waiting) = self.remove(ticket) {
            self.push(waiting.event);
        }
    }

    /// The event that goes next. Of one instance it is always the oldest.
    pub(super) fn first(&self, is_turn_of_status: bool) -> Option<(Ticket, &Waiting)> {
        let status = self.ready_statuses.first().copied();
        let urgent = self.ready_urgent.first().copied();
        let has_turn = |status: &Ticket| {
            urgent.is_none() || (is_turn_of_status && self.oldest_like(*status) == Some(*status))
        };
        let ticket = status.filter(has_turn).or_else(|| self.oldest_like(urgent?))?;
        self.events.get(&ticket).map(|waiting| (ticket, waiting))
    }

    /// Whatever an instance has to tell waits until it is released.
    pub(super) fn hold(&mut self, id: InstanceId) {
        self.held.insert(id);
        for ticket in self.tickets(id) {
            self.ready_urgent.remove(&ticket);
            self.ready_statuses.remove(&ticket);
        }
    }

    /// Whatever it has to tell may go.
    pub(super) fn release(&mut self, id: InstanceId) {
        self.held.remove(&id);
        for ticket in self.tickets(id) {
            self.make_ready(ticket);
        }
    }

    fn make_ready(&mut self, ticket: Ticket) {
        let is_urgent = self.urgent.contains(&ticket);
        let ready = if is_urgent { &mut self.ready_urgent } else { &mut self.ready_statuses };
        ready.insert(ticket);
    }

    fn tickets(&self, id: InstanceId) -> Vec<Ticket> {
        let range = (id, Ticket::MIN)..=(id, Ticket::MAX);
        self.of_instance.range(range).map(|(_, ticket)| *ticket).collect()
    }

    /// The oldest event of the instance that an event is about.
    fn oldest_like(&self, ticket: Ticket) -> Option<Ticket> {
        let id = self.events.get(&ticket)?.event.uuid();
        self.of_instance.range((id, Ticket::MIN)..).next().map(|(_, oldest)| *oldest)
    }

    /// One event, to count how it fares; `None` if it was superseded meanwhile.
    pub(super) fn get_mut(&mut self, ticket: Ticket) -> Option<&mut Waiting> {
        self.events.get_mut(&ticket)
    }

    /// Takes an event out; it may be gone already.
    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Waiting> {
        let waiting = self.events.remove(&ticket)?;
        let id = waiting.event.uuid();
        self.of_instance.remove(&(id, ticket));
        self.ready_urgent.remove(&ticket);
        self.ready_statuses.remove(&ticket);
        if !self.urgent.remove(&ticket) {
            self.status_order.remove(&ticket);
            self.statuses.remove(&id);
        }
        Some(waiting)
    }

    /// Takes every event of an instance out: it was deleted.
    pub(super) fn forget(&mut self, id: InstanceId) {
        for ticket in self.tickets(id) {
            self.remove(ticket);
        }
        self.held.remove(&id);
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    fn drop_one(&mut self) -> Option<VimEvent> {
        let oldest_status = self.status_order.first().copied();
        self.remove(oldest_status.or_else(|| self.urgent.first().copied())?)
            .map(|waiting| waiting.event)
    }
}

#[cfg(test)]
impl Queue {
    /// Panics if the indices do not agree.
    pub(super) fn check(&self) {
        let all: BTreeSet<(InstanceId, Ticket)> =
            self.events.iter().map(|(ticket, waiting)| (waiting.event.uuid(), *ticket)).collect();
        assert_eq!(all, self.of_instance);
        let is_status = |waiting: &Waiting| matches!(waiting.event, VimEvent::Status { .. });
        let statuses: BTreeSet<Ticket> =
            self.events.iter().filter(|(_, w)| is_status(w)).map(|(ticket, _)| *ticket).collect();
        assert_eq!(statuses, self.status_order);
        assert_eq!(self.events.len(), statuses.len() + self.urgent.len());
        assert!(self.urgent.is_disjoint(&statuses));
        let is_ready = |ticket: &&Ticket| !self.held.contains(&self.events[*ticket].event.uuid());
        let ready = |all: &BTreeSet<Ticket>| all.iter().filter(is_ready).copied().collect();
        assert_eq!(self.ready_urgent, ready(&self.urgent));
        assert_eq!(self.ready_statuses, ready(&statuses));
        assert_eq!(statuses, self.statuses.values().copied().collect());
        assert_eq!(statuses.len(), self.statuses.len(), "two statuses of one instance");
    }
}
