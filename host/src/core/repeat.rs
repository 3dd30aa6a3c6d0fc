//! Events that must survive a lost datagram: repeated until the agent acknowledges them.
//!
//! Only an agent that marks its commands acknowledges. To any other an event goes once: each copy
//! would be a new event to it. (docs/protocol.md, "Features".)

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use protocol::InstanceId;
use protocol::datagram::{Event, EventId};

const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Events that wait for an acknowledgement; beyond it the oldest is given up.
const WAITING_MAX: usize = 20_000;

/// Events that were not acknowledged.
#[derive(Debug)]
pub(super) struct Repeats {
    next_id: EventId,
    /// The agent acknowledges.
    wanted: bool,
    waiting: BTreeMap<u64, Waiting>,
    /// Which of `waiting` has which id.
    places: BTreeMap<EventId, u64>,
    due: BTreeSet<(Instant, u64)>,
    /// Counts the events; unlike an id it never starts over.
    count: u64,
}

#[derive(Debug)]
struct Waiting {
    id: EventId,
    about: InstanceId,
    event: Event,
    wait: Duration,
    due: Instant,
}

impl Repeats {
    pub(super) fn new(first_id: EventId) -> Self {
        Self {
            next_id: first_id,
            wanted: false,
            waiting: BTreeMap::new(),
            places: BTreeMap::new(),
            due: BTreeSet::new(),
            count: 0,
        }
    }

    /// The agent's last command says whether it acknowledges. One that does not gets no copies.
    pub(super) fn agent_acknowledges(&mut self, wanted: bool) {
        self.wanted = wanted;
        if !wanted {
            self.waiting.clear();
            self.places.clear();
            self.due.clear();
        }
    }

    /// An event goes out for the first time: its id if it is one that must arrive. Whether one had
    /// to be given up for it is the second value.
    pub(super) fn sent(&mut self, now: Instant, event: &Event) -> (Option<EventId>, bool) {
        let about = match event {
            Event::Loss { uuid, .. } => *uuid,
            Event::IllHealth(info) => info.uuid,
            Event::Answer(answer) => answer.uuid,
            _ => return (None, false),
        };
        let id = self.next_id;
        self.next_id = id.next();
        if !self.wanted {
            return (Some(id), false);
        }
        let (wait, due) = (FIRST_WAIT, now + FIRST_WAIT);
        self.count += 1;
        self.due.insert((due, self.count));
        self.places.insert(id, self.count);
        self.waiting.insert(self.count, Waiting { id, about, event: event.clone(), wait, due });
        let full = self.waiting.len() > WAITING_MAX;
        if full && let Some(oldest) = self.waiting.keys().next().copied() {
            self.remove(oldest);
        }
        (Some(id), full)
    }

    /// The agent has it.
    pub(super) fn acknowledged(&mut self, id: EventId) {
        if let Some(place) = self.places.get(&id).copied() {
            self.remove(place);
        }
    }

    /// Nobody is told about a deleted instance any more.
    pub(super) fn deleted(&mut self, id: InstanceId) {
        let about = |(place, waiting): (&u64, &Waiting)| (waiting.about == id).then_some(*place);
        let places: Vec<u64> = self.waiting.iter().filter_map(about).collect();
        for place in places {
            self.remove(place);
        }
    }

    /// When the next copy is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// A copy that is due; the next one after twice the wait, at most 30 s.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<(EventId, Event)> {
        let (at, place) = self.due.first().copied().filter(|(at, _)| *at <= now)?;
        self.due.remove(&(at, place));
        let waiting = self.waiting.get_mut(&place)?;
        waiting.wait = (waiting.wait * 2).min(LONGEST_WAIT);
        waiting.due = now + waiting.wait;
        self.due.insert((waiting.due, place));
        Some((waiting.id, waiting.event.clone()))
    }

    fn remove(&mut self, place: u64) {
        if let Some(waiting) = self.waiting.remove(&place) {
            self.places.remove(&waiting.id);
            self.due.remove(&(waiting.due, place));
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any instant will do as a start")]
mod tests {
    use protocol::datagram::Hostname;

    use super::*;

    fn loss(number: u64) -> Event {
        Event::Loss { hostname: Hostname::new("compute"), uuid: InstanceId::numbered(number) }
    }

    fn marked() -> Repeats {
        let mut repeats = Repeats::new(EventId(u32::MAX));
        repeats.agent_acknowledges(true);
        repeats
    }

    #[test]
    fn a_loss_is_repeated_with_doubling_waits_until_it_is_acknowledged() {
        let start = Instant::now();
        let mut repeats = marked();
        let (id, _) = repeats.sent(start, &loss(1));
        let mut waits = Vec::new();
        let mut now = start;
        for _ in 0..7 {
            let due = repeats.next_due().unwrap();
            waits.push((due - now).as_secs());
            now = due;
            assert_eq!(repeats.take_due(now).map(|(id, _)| id), id);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        repeats.acknowledged(id.unwrap());
        assert_eq!((repeats.next_due(), repeats.waiting.len()), (None, 0));
    }

    #[test]
    fn an_agent_that_does_not_acknowledge_gets_no_copies() {
        let start = Instant::now();
        let mut repeats = Repeats::new(EventId(7));
        assert_eq!(repeats.sent(start, &loss(1)).0, Some(EventId(7)));
        assert_eq!(repeats.next_due(), None);
        repeats.agent_acknowledges(true);
        repeats.sent(start, &loss(1));
        repeats.agent_acknowledges(false);
        assert_eq!(repeats.next_due(), None);
    }

    #[test]
    fn a_deleted_instance_is_not_spoken_of() {
        let start = Instant::now();
        let mut repeats = marked();
        repeats.sent(start, &loss(1));
        let (second, _) = repeats.sent(start, &loss(2));
        repeats.deleted(InstanceId::numbered(1));
        let later = start + FIRST_WAIT;
        assert_eq!(repeats.take_due(later).map(|(id, _)| id), second);
        assert_eq!(repeats.take_due(later), None);
    }

    #[test]
    fn too_many_give_up_the_oldest() {
        let start = Instant::now();
        let mut repeats = marked();
        let given_up =
            (0..=WAITING_MAX as u64).filter(|n| repeats.sent(start, &loss(*n)).1).count();
        assert_eq!((given_up, repeats.waiting.len()), (1, WAITING_MAX));
    }
}
