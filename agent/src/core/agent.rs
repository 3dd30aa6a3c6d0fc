//! All hosts and instances of a controller, and what is due when.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use daemon::Limiter;
use protocol::datagram::{Command, Hostname};
use protocol::vim::VimEvent;
use protocol::{InstanceId, Random};

use super::delivery::Delivery;
use super::hosts::{Host, HostKey, Hosts};
use super::instances::{Instance, Instances};
use super::note::Note;
use super::policy::INVENTORY_WAIT_MAX;
use super::{Counters, Input, Output};

/// The core of guestAgent.
pub struct GuestAgent {
    pub(super) hosts: Hosts,
    pub(super) instances: Instances,
    pub(super) delivery: Delivery,
    pub(super) counters: Counters,
    pub(super) random: Random,
    pub(super) jobs: BTreeSet<(Instant, Job)>,
    /// Number of the last vote or notification.
    pub(super) requests: u64,
    pub(super) maintenance: Option<IpAddr>,
    pub(super) from_file: BTreeSet<InstanceId>,
    pub(super) asked_inventory: Option<Instant>,
    /// When it is asked for next.
    pub(super) inventory_at: Instant,
    pub(super) inventory_wait: Duration,
    notes: Limiter,
    warnings: Limiter,
    outputs: VecDeque<Output>,
}

/// What can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Job {
    /// When a host is audited.
    Audit(HostKey),
    /// When the server of a new host is asked what it knows.
    Ask(HostKey),
    /// When the inventory is asked for while no host is known.
    Inventory,
    /// When the VIM is asked about a host.
    Query(HostKey),
    /// When a vote or notification is answered for a host that has not.
    Answer(InstanceId, u64),
    /// When the VIM is tried again.
    Retry,
}

/// Lines that the log takes at once, and of warnings as many again; one more comes with each refill.
const NOTES: u32 = 50;
const NOTES_REFILL: Duration = Duration::from_millis(100);

/// What a person or a status file sees of a host.
#[derive(Debug, Clone)]
pub struct HostView {
    /// Its name.
    pub hostname: Hostname,
    /// Its uuid.
    pub uuid: InstanceId,
    /// Its address.
    pub ip: IpAddr,
    /// Whether its failures go to the VIM.
    pub reporting: bool,
    /// Audits in a row that it did not answer.
    pub unanswered: u32,
    /// How many instances it has.
    pub instances: usize,
}

/// What a person or a status file sees of an instance.
#[derive(Debug, Clone)]
pub struct InstanceView {
    /// Which.
    pub id: InstanceId,
    /// The host it lives on.
    pub hostname: Hostname,
    /// Whether its failures go to the VIM.
    pub reporting: bool,
    /// Whether it heartbeats.
    pub heartbeating: bool,
}

impl GuestAgent {
    /// An agent that starts now, knowing nothing.
    pub fn new(now: Instant, random: Random) -> Self {
        let mut agent = Self {
            hosts: Hosts::default(),
            instances: Instances::new(),
            delivery: Delivery::default(),
            counters: Counters::default(),
            random,
            jobs: BTreeSet::new(),
            requests: 0,
            maintenance: None,
            from_file: BTreeSet::new(),
            asked_inventory: None,
            inventory_at: now,
            inventory_wait: INVENTORY_WAIT_MAX,
            notes: Limiter::new(now, NOTES, NOTES_REFILL),
            warnings: Limiter::new(now, NOTES, NOTES_REFILL),
            outputs: VecDeque::new(),
        };
        agent.start_inventory(now);
        agent
    }

    /// Takes what happened.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Datagram { from, bytes } => self.host_datagram(now, from, bytes),
            Input::Maintenance { from, bytes } => self.maintenance_datagram(now, from, bytes),
            Input::MaintenanceIsAt(address) => self.maintenance = Some(address.to_canonical()),
            Input::HostsFile(hosts) => self.hosts_file(now, hosts),
            Input::Vim(outcome) => self.vim_outcome(now, &outcome),
        }
        self.pump(now);
    }

    /// Handles every deadline that has come.
    pub fn handle_deadline(&mut self, now: Instant) {
        while let Some((at, job)) = self.jobs.first().copied().filter(|(at, _)| *at <= now) {
            self.jobs.remove(&(at, job));
            match job {
                Job::Audit(host) => self.audit_due(now, at, host),
                Job::Ask(host) => self.ask_what_it_knows(host),
                Job::Inventory => self.inventory_due(now),
                Job::Query(host) => self.query_due(host),
                Job::Answer(id, number) => self.request_due(now, id, number),
                Job::Retry => {}
            }
        }
        self.pump(now);
    }

    /// When [`Self::handle_deadline`] is to be called next.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.jobs.first().map(|(at, _)| *at)
    }

    /// The next thing to do; ask until there is none, after every other call.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What was counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Events that wait for the VIM.
    pub fn waiting(&self) -> usize {
        self.delivery.queue.len()
    }

    /// How many hosts and instances are known, without looking at each.
    pub fn known(&self) -> (usize, usize) {
        (self.hosts.len(), self.instances.len())
    }

    /// Every known host, in order of uuid.
    pub fn hosts(&self) -> impl Iterator<Item = HostView> {
        self.hosts.iter().map(|host| HostView {
            hostname: host.hostname.clone(),
            uuid: host.uuid,
            ip: host.ip,
            reporting: host.reporting,
            unanswered: host.audit.unanswered,
            instances: host.instances.len(),
        })
    }

    /// Every known instance, in order of uuid.
    pub fn instances(&self) -> impl Iterator<Item = InstanceView> {
        self.instances.iter().map(|(id, instance)| self.view(*id, instance))
    }

    /// One instance.
    pub fn instance(&self, id: InstanceId) -> Option<InstanceView> {
        self.instances.get(&id).map(|instance| self.view(id, instance))
    }

    fn view(&self, id: InstanceId, instance: &Instance) -> InstanceView {
        InstanceView {
            id,
            hostname: self.hostname_of(instance),
            reporting: instance.reporting,
            heartbeating: instance.heartbeating,
        }
    }

    /// How many things are remembered, whatever they are: a measure of the memory in use.
    pub fn entries(&self) -> usize {
        let of_hosts: usize = self.hosts.iter().map(Host::entries).sum();
        let requests: usize = self.instances.values().map(|i| i.requests.len()).sum();
        let known = self.hosts.iter().count() + self.instances.len();
        known + of_hosts + requests + self.jobs.len() + self.waiting() + self.outputs.len()
    }

    pub(super) fn put(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(super) fn note(&mut self, now: Instant, about: Option<InstanceId>, note: Note) {
        let notes = if note.is_warning() { &mut self.warnings } else { &mut self.notes };
        if notes.allow(now) {
            let held_back = notes.take_refused();
            self.put(Output::Note { about, note, held_back });
        }
    }

    pub(super) fn hostname_of(&self, instance: &Instance) -> Hostname {
        self.hosts.get(instance.host).map(|host| host.hostname.clone()).unwrap_or_default()
    }

    /// Sends a command to the server of a host; to nobody if its address is another host's by now.
    pub(super) fn send(&mut self, key: HostKey, command: Command) {
        let Some(host) = self.hosts.get(key) else { return };
        let (to, host) = (host.ip, host.uuid);
        if self.hosts.by_ip(to) == Some(key) {
            self.put(Output::Command { to, host, command });
        }
    }

    /// Takes a heartbeat state over, and tells the VIM if that is news to it.
    pub(super) fn set_heartbeating(&mut self, now: Instant, id: InstanceId, heartbeating: bool) {
        let Some(instance) = self.instances.get_mut(&id) else { return };
        let changed = std::mem::replace(&mut instance.heartbeating, heartbeating) != heartbeating;
        if instance.vim_knows == Some(heartbeating) {
            return;
        }
        instance.vim_knows = Some(heartbeating);
        if changed {
            self.note(now, Some(id), Note::Heartbeating(heartbeating));
        }
        if let Some(status) = self.status(id) {
            self.tell_vim(now, status);
        }
    }

    /// How an instance is now.
    pub(super) fn status(&self, id: InstanceId) -> Option<VimEvent> {
        let instance = self.instances.get(&id)?;
        Some(VimEvent::Status {
            uuid: id,
            hostname: self.hostname_of(instance),
            reporting: instance.reporting.into(),
            heartbeating: instance.heartbeating.into(),
            restart_timeout_secs: instance.times.restart,
        })
    }

    /// Puts an event into the VIM's queue. A status that is dropped for it is told again later.
    pub(super) fn tell_vim(&mut self, now: Instant, event: VimEvent) {
        let Some(dropped) = self.delivery.queue.push(event) else { return };
        self.counters.dropped_events += 1;
        self.note(now, Some(dropped.uuid()), Note::Dropped);
        self.vim_missed(&dropped);
    }

    /// The VIM did not get an event. A status is told again when its server speaks of it.
    pub(super) fn vim_missed(&mut self, event: &VimEvent) {
        if let VimEvent::Status { uuid, .. } = event
            && let Some(instance) = self.instances.get_mut(uuid)
        {
            instance.vim_knows = None;
        }
    }
}
