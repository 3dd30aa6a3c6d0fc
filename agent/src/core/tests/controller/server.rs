//! A guestServer as the agent sees it: of our kind, which marks its events, or a deployed peer.

use std::collections::BTreeMap;

use protocol::channel::{CorrectiveAction, EventType, LogMsg, NotificationType, VoteResult};
use protocol::datagram::{Answer, Command, Event, EventId, InstanceInfo};

use super::names::{host_name, id, number_of};

/// What a peer can hold; one more kills it.
const PEER_MAX: usize = 100;

#[derive(Debug)]
pub(in super::super) struct Server {
    pub(super) number: u64,
    pub(in super::super) is_ours: bool,
    /// Datagrams get through, in both directions.
    pub(in super::super) is_reachable: bool,
    pub(in super::super) reporting: bool,
    pub(in super::super) instances: BTreeMap<u64, Known>,
    /// Heartbeats that a change of reporting has stopped.
    pub(in super::super) disturbed: u32,
    next_event: EventId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Known {
    pub(in super::super) reporting: bool,
    pub(in super::super) heartbeating: bool,
}

impl Server {
    pub(super) fn new(number: u64, is_ours: bool) -> Self {
        Self {
            number,
            is_ours,
            is_reachable: true,
            reporting: true,
            instances: BTreeMap::new(),
            disturbed: 0,
            next_event: EventId(u32::MAX - 1),
        }
    }

    /// It starts again and knows nothing.
    pub(in super::super) fn restart(&mut self) {
        self.reporting = true;
        self.instances.clear();
        self.next_event = EventId(self.next_event.0.wrapping_mul(77).wrapping_add(123_456_789));
    }

    /// Takes a command; its answers.
    pub(super) fn take(&mut self, command: &Command) -> Vec<Event> {
        match command {
            Command::AddInstance { uuid, reporting }
            | Command::ModifyInstance { uuid, reporting } => {
                self.name(number_of(*uuid), reporting.is_on());
            }
            Command::DeleteInstance { uuid } => {
                self.instances.remove(&number_of(*uuid));
            }
            Command::ModifyHost { reporting } => self.reporting = reporting.is_on(),
            Command::QueryInstances => {
                let all = self.instances.keys();
                return all.map(|number| Event::QueryResponse(self.info(*number))).collect();
            }
            Command::Vote { .. } | Command::Notify { .. } | Command::Loopback => {}
        }
        Vec::new()
    }

    fn name(&mut self, number: u64, reporting: bool) {
        let new = Known { reporting, heartbeating: false };
        let known = self.instances.entry(number).or_insert(new);
        let was_on = std::mem::replace(&mut known.reporting, reporting);
        if !self.is_ours && was_on && !reporting && known.heartbeating {
            known.heartbeating = false;
            self.disturbed += 1;
        }
        let count = self.instances.len();
        assert!(self.is_ours || count <= PEER_MAX, "a peer dies of its instance number {count}");
    }

    pub(in super::super) fn info(&self, number: u64) -> InstanceInfo {
        let known = self.instances.get(&number).copied();
        let known = known.unwrap_or(Known { reporting: false, heartbeating: false });
        InstanceInfo {
            hostname: host_name(self.number),
            uuid: id(number),
            reporting: known.reporting.into(),
            heartbeating: known.heartbeating.into(),
            repair_action: CorrectiveAction::Reboot,
            restart_secs: 121,
            shutdown_secs: 12,
            suspend_secs: 13,
            resume_secs: 14,
            vote_secs: 11,
        }
    }

    pub(in super::super) fn ready(&self) -> Event {
        Event::Ready { hostname: host_name(self.number) }
    }

    pub(in super::super) fn loss(&self, number: u64) -> Event {
        Event::Loss { hostname: host_name(self.number), uuid: id(number) }
    }

    pub(in super::super) fn ill(&self, number: u64, action: CorrectiveAction) -> Event {
        Event::IllHealth(InstanceInfo { repair_action: action, ..self.info(number) })
    }

    pub(in super::super) fn answer(
        &self,
        number: u64,
        (event_type, notification_type): (EventType, NotificationType),
        vote: VoteResult,
        reason: &str,
    ) -> Event {
        Event::Answer(Answer {
            hostname: host_name(self.number),
            uuid: id(number),
            notification_type,
            event_type,
            vote,
            reason: LogMsg::new(reason),
        })
    }

    /// The datagram of an event; of our kind with an id of its own where one is due.
    pub(super) fn encode(&mut self, event: &Event) -> Vec<u8> {
        let mut bytes = Vec::new();
        if !self.is_ours {
            event.encode(&mut bytes);
            return bytes;
        }
        let repeats = matches!(event, Event::Loss { .. } | Event::IllHealth(_) | Event::Answer(_));
        let id = repeats.then(|| {
            self.next_event = self.next_event.next();
            self.next_event
        });
        event.encode_marked(id, &mut bytes);
        bytes
    }
}
