//! The VIM as the agent sees it: what it knows, how it answers, what it was told.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::vim::{HostStateReply, InstanceListReply, ListedInstance, VimEvent, VimRequest};

use super::super::super::Outcome;
use super::names::{host_id, host_name, id, number_of};

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Mood {
    /// An event with a closed connection, a question with what it knows.
    Well,
    /// Nobody listens.
    Away,
    /// It takes the request, and nobody can say so.
    Unclear,
    /// It does not take the request, and nobody can say so.
    Deaf,
    /// Every request with this status; below 300 it took it.
    Status(u16),
    /// Every question with something else than JSON.
    Garbage,
    /// Every question with a closed connection.
    Silent,
}

#[derive(Debug)]
pub(in super::super) struct Vim {
    pub(in super::super) mood: Mood,
    /// Events of this instance get a 500, whatever the mood.
    pub(in super::super) fails_over: Option<u64>,
    /// How long it takes.
    pub(in super::super) delay: Duration,
    /// Hosts and their reporting.
    pub(in super::super) hosts: BTreeMap<u64, bool>,
    /// Instances: host and reporting.
    pub(in super::super) instances: BTreeMap<u64, (u64, bool)>,
    /// Which instances heartbeat, as far as it was told.
    pub(in super::super) heartbeating: BTreeMap<u64, bool>,
    /// The whole events, in their order.
    pub(in super::super) taken: Vec<VimEvent>,
}

impl Vim {
    pub(super) fn new() -> Self {
        Self {
            mood: Mood::Well,
            fails_over: None,
            delay: Duration::ZERO,
            hosts: BTreeMap::new(),
            instances: BTreeMap::new(),
            heartbeating: BTreeMap::new(),
            taken: Vec::new(),
        }
    }

    /// What becomes of a request, and whether the VIM took it.
    pub(super) fn take(&mut self, request: &VimRequest) -> (Outcome, bool) {
        if let (VimRequest::Event(event), Some(number)) = (request, self.fails_over)
            && number_of(event.uuid()) == number
        {
            return (replied(500, b"{}"), false);
        }
        let (outcome, taken) = match self.mood {
            Mood::Away => (Outcome::NotSent, false),
            Mood::Unclear => (Outcome::Unknown, true),
            Mood::Deaf => (Outcome::Unknown, false),
            Mood::Status(status) => (replied(status, b"{}"), status < 300),
            Mood::Garbage => (replied(200, b"<html>"), true),
            Mood::Silent => (Outcome::Closed, true),
            Mood::Well => (self.answer(request), true),
        };
        if let (VimRequest::Event(event), true) = (request, taken) {
            self.taken.push(event.clone());
            if let VimEvent::Status { uuid, heartbeating, .. } = event {
                self.heartbeating.insert(number_of(*uuid), heartbeating.is_on());
            }
        }
        (outcome, taken)
    }

    fn answer(&self, request: &VimRequest) -> Outcome {
        match request {
            VimRequest::HostState { uuid, .. } => self.host_state(number_of(*uuid)),
            VimRequest::InstanceList { host_uuid } => self.list(number_of(*host_uuid)),
            VimRequest::Event(VimEvent::Alarm { .. }) => replied(200, b"{}"),
            VimRequest::Event(_) => Outcome::Closed,
        }
    }

    fn host_of(&self, uuid_number: u64) -> Option<(u64, bool)> {
        let (host, on) = self.hosts.iter().find(|(n, _)| number_of(host_id(**n)) == uuid_number)?;
        Some((*host, *on))
    }

    fn host_state(&self, uuid_number: u64) -> Outcome {
        let Some((host, on)) = self.host_of(uuid_number) else { return Outcome::Closed };
        let reply =
            HostStateReply { uuid: host_id(host), hostname: host_name(host), state: on.into() };
        replied(200, &reply.encode())
    }

    fn list(&self, uuid_number: u64) -> Outcome {
        let Some((host, _)) = self.host_of(uuid_number) else { return Outcome::Closed };
        let there = self.instances.iter().filter(|(_, (on_host, _))| *on_host == host);
        let instances = there.map(|(number, (_, reporting))| ListedInstance {
            uuid: id(*number),
            hostname: host_name(host),
            reporting: (*reporting).into(),
        });
        let reply = InstanceListReply { instances: instances.collect(), skipped: 0 };
        replied(200, &reply.encode())
    }
}

pub(super) fn replied(status: u16, body: &[u8]) -> Outcome {
    Outcome::Replied { status, body: body.to_vec() }
}
