//! All instances of a host, and whatever concerns more than one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::ops::Bound;
use std::path::Path;
use std::time::Instant;

use daemon::Limiter;
use protocol::channel::{NotificationType, Word};
use protocol::datagram::{Command, Event, EventId};
use protocol::{InstanceId, Random};
use slab::Slab;

use super::deadlines::Deadlines;
use super::files::{ChannelFile, instance_of};
use super::grid::Grid;
use super::instance::{Instance, InstanceView};
use super::link::Link;
use super::note::Note;
use super::policy::{INSTANCES_MAX, LATE, QUERY_PAUSE, QUERY_SLICE, RESCAN, RESCAN_SOON};
use super::repeat::Repeats;
use super::tally::Tally;
use super::{Counters, Input, Key, Output, Policy};

/// The key under which the server's own deadline stands among the instances'.
const SERVER: Key = Key::MAX;

/// The core of guestServer.
#[derive(Debug)]
pub struct GuestServer {
    instances: Slab<Instance>,
    keys: BTreeMap<InstanceId, Key>,
    tally: Tally,
    /// What stands in `deadlines` for each key.
    scheduled: Vec<Option<Instant>>,
    deadlines: Deadlines,
    rescan_at: Instant,
    scan_wanted: bool,
    server_scheduled: Option<Instant>,
    link: Link,
    notes: Limiter,
    queries: Limiter,
    answering: Option<Answering>,
    shared: Shared,
}

/// A query that is being answered.
#[derive(Debug)]
struct Answering {
    /// When it goes on.
    at: Instant,
    /// The last instance that was answered for.
    after: Option<InstanceId>,
    /// Another query came meanwhile: it goes once more around.
    again: bool,
}

/// What every instance uses.
pub(super) struct Shared {
    pub(super) policy: Policy,
    pub(super) random: Random,
    pub(super) grid: Grid,
    pub(super) counters: Counters,
    pub(super) host_reporting: bool,
    /// When this host last ran late.
    pub(super) stalled: Option<Instant>,
    started: Instant,
    /// The time of what is being handled.
    now: Instant,
    destination: super::Destination,
    repeats: Repeats,
    outputs: VecDeque<Output>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn put(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(super) fn report(&mut self, event: Event) {
        self.counters.events += 1;
        let (id, gave_up) = self.repeats.sent(self.now, &event);
        self.counters.given_up_events += u64::from(gave_up);
        self.put(Output::Report(self.destination, event, id));
    }

    pub(super) fn failures_reported_from(&self) -> Instant {
        self.started + self.policy.start_delay
    }
}

impl GuestServer {
    /// A server that starts now. Its first outputs are a scan and, at the first deadline, ready.
    pub fn new(policy: Policy, now: Instant, mut random: Random) -> Self {
        let link = Link::new(now);
        let repeats = Repeats::new(EventId(random()));
        let shared = Shared {
            policy,
            random,
            grid: Grid::new(now),
            counters: Counters::default(),
            host_reporting: true,
            stalled: None,
            started: now,
            now,
            destination: link.destination(),
            repeats,
            outputs: VecDeque::new(),
        };
        let mut server = Self {
            instances: Slab::new(),
            keys: BTreeMap::new(),
            tally: Tally::default(),
            scheduled: Vec::new(),
            deadlines: Deadlines::default(),
            rescan_at: now + RESCAN,
            scan_wanted: true,
            server_scheduled: None,
            link,
            notes: Limiter::new(now, 20, std::time::Duration::from_secs(1)),
            queries: Limiter::new(now, 4, std::time::Duration::from_secs(1)),
            answering: None,
            shared,
        };
        server.reschedule_server();
        server
    }

    /// Takes what happened.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        self.shared.now = now;
        match input {
            Input::Scanned { directory, files } => self.scanned(now, directory, files),
            Input::FileEventsLost => self.scan_wanted = true,
            Input::FileAppeared(file) => self.file_appeared(now, file),
            Input::FileTouched(path) => {
                self.with_file(path, Instance::file_touched);
            }
            Input::FileVanished(path) => self.file_vanished(now, path),
            Input::Connected(key) => self.with(key, |i, shared| i.connected(now, shared)),
            Input::ConnectFailed(key, error) => {
                self.with(key, |i, shared| i.connect_failed(now, error, shared));
            }
            Input::Received(key, bytes) => {
                self.with(key, |i, shared| i.received(now, bytes, shared));
            }
            Input::Closed(key) => self.with(key, |i, shared| i.closed(now, shared)),
            Input::Datagram { from, bytes } => self.datagram(now, from, bytes),
        }
        self.reschedule_server();
    }

    /// Handles every deadline that has come. What was readable before must have been handed in.
    pub fn handle_deadline(&mut self, now: Instant) {
        self.shared.now = now;
        self.notice_stall(now);
        while let Some(key) = self.deadlines.first_due(now) {
            if key == SERVER {
                self.handle_own_deadline(now);
            } else {
                self.with(key, |instance, shared| instance.handle_deadline(now, shared));
            }
        }
        self.reschedule_server();
    }

    /// When [`Self::handle_deadline`] is to be called next.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// The next thing to do; ask until there is none, after every other call.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.shared.outputs.pop_front().or_else(|| self.scan())
    }

    /// A scan comes after all else: what it finds may forget an instance, and give its key to
    /// another, while something is still to be done under that key.
    fn scan(&mut self) -> Option<Output> {
        std::mem::take(&mut self.scan_wanted).then_some(Output::Scan)
    }

    /// What was counted.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Whether failures on this host are reported at all.
    pub fn host_reporting(&self) -> bool {
        self.shared.host_reporting
    }

    /// How many instances there are and how many heartbeat, without looking at each.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Every known instance, in order of uuid.
    pub fn instances(&self) -> impl Iterator<Item = InstanceView> {
        self.keys.values().map(|key| self.instances[*key].view())
    }

    /// One instance.
    pub fn instance(&self, id: InstanceId) -> Option<InstanceView> {
        self.keys.get(&id).map(|key| self.instances[*key].view())
    }

    fn notice_stall(&mut self, now: Instant) {
        let Some(due) = self.deadlines.next() else { return };
        let late = now.saturating_duration_since(due);
        if late > LATE {
            self.shared.stalled = Some(now);
            self.shared.counters.stalls += 1;
            self.note(now, Note::Stalled { late });
        }
    }

    fn handle_own_deadline(&mut self, now: Instant) {
        if self.link.ready_due(now) {
            let hostname = self.shared.policy.hostname.clone();
            self.shared.report(Event::Ready { hostname });
        }
        if self.rescan_at <= now {
            self.rescan_at = now + RESCAN;
            self.scan_wanted = true;
        }
        if let Some(Answering { after, again, .. }) = self.answering.take_if(|a| a.at <= now) {
            self.answer_query(now, after, again);
        }
        while let Some((id, event)) = self.shared.repeats.take_due(now) {
            self.shared.counters.repeated_events += 1;
            self.shared.put(Output::Report(self.shared.destination, event, Some(id)));
        }
        self.reschedule_server();
    }

    fn scanned(&mut self, now: Instant, directory: &Path, files: Vec<ChannelFile>) {
        let there: BTreeSet<&Path> = files.iter().map(|file| &*file.path).collect();
        let gone: Vec<Key> = (self.instances.iter())
            .filter(|(_, instance)| {
                instance.file().is_some_and(|file| {
                    file.path.parent() == Some(directory) && !there.contains(&*file.path)
                })
            })
            .map(|(key, _)| key)
            .collect();
        for key in gone {
            self.with(key, |instance, shared| instance.file_vanished(now, shared));
        }
        for file in files {
            self.file_appeared(now, file);
        }
    }

    fn file_appeared(&mut self, now: Instant, file: ChannelFile) {
        let Some(id) = instance_of(&file.path) else { return };
        if !file.is_socket {
            return self.file_vanished(now, &file.path);
        }
        if let Some(key) = self.key_of(now, id) {
            self.with(key, |instance, shared| instance.file_appeared(now, file, shared));
        }
    }

    /// Another file of the same instance may be left, so a scan follows.
    fn file_vanished(&mut self, now: Instant, path: &Path) {
        if self.with_file(path, |instance, shared| instance.file_vanished(now, shared)) {
            self.rescan_soon(now);
        }
    }

    fn datagram(&mut self, now: Instant, from: IpAddr, bytes: &[u8]) {
        match Command::decode_marked(bytes) {
            Ok(marked) => {
                self.shared.repeats.agent_acknowledges(marked.features.ack);
                if let Some(id) = marked.acknowledges {
                    self.shared.repeats.acknowledged(id);
                }
                self.command(now, from, marked.command);
            }
            Err(error) => {
                self.shared.counters.bad_datagrams += 1;
                self.note(now, Note::BadDatagram { from, error });
            }
        }
    }

    fn command(&mut self, now: Instant, from: IpAddr, command: Command) {
        self.shared.counters.commands += 1;
        if self.link.heard(from) {
            self.note(now, Note::AgentIs(from));
        }
        self.shared.destination = self.link.destination();
        match command {
            Command::AddInstance { uuid, reporting }
            | Command::ModifyInstance { uuid, reporting } => {
                self.name_instance(now, uuid, reporting.is_on());
            }
            Command::DeleteInstance { uuid } => {
                self.shared.repeats.deleted(uuid);
                if let Some(key) = self.keys.get(&uuid).copied() {
                    self.with(key, |instance, shared| instance.deleted(now, shared));
                }
            }
            Command::QueryInstances => self.query(now),
            Command::Vote { uuid, event } => {
                self.ask(now, uuid, &event, NotificationType::Revocable);
            }
            Command::Notify { uuid, event } => {
                self.ask(now, uuid, &event, NotificationType::Irrevocable);
            }
            Command::ModifyHost { reporting } => self.switch_host(now, reporting.is_on()),
            Command::Loopback => {}
        }
    }

    fn switch_host(&mut self, now: Instant, reporting: bool) {
        if std::mem::replace(&mut self.shared.host_reporting, reporting) != reporting {
            self.note(now, Note::HostReporting(reporting));
        }
    }

    fn name_instance(&mut self, now: Instant, id: InstanceId, reporting: bool) {
        let Some(key) = self.key_of(now, id) else { return };
        self.with(key, |instance, shared| instance.named(now, reporting, shared));
        if self.instances[key].file().is_none() {
            self.rescan_soon(now);
        }
    }

    /// An answer is many times as long as the question, and a source address is easily forged.
    fn query(&mut self, now: Instant) {
        if !self.queries.allow(now) {
            self.shared.counters.excess_queries += 1;
            return;
        }
        match &mut self.answering {
            Some(answering) => answering.again = true,
            None => self.answer_query(now, None, false),
        }
    }

    /// Answers for some instances now and for the others a little later: thousands of datagrams in a
    /// row would make every guest wait for its challenge. `again`: another query came meanwhile.
    fn answer_query(&mut self, now: Instant, after: Option<InstanceId>, again: bool) {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = self.keys.range((from, Bound::Unbounded));
        let mut last = None;
        for (id, key) in rest.by_ref().take(QUERY_SLICE) {
            last = Some(*id);
            if let Some(event) = self.instances[*key].query_response(&self.shared) {
                self.shared.report(event);
            }
        }
        let (more, at) = (rest.next().is_some(), now + QUERY_PAUSE);
        self.answering = match last {
            Some(_) if more => Some(Answering { at, after: last, again }),
            _ if again => Some(Answering { at, after: None, again: false }),
            _ => None,
        };
    }

    /// An instance that is not known is made for the moment of the answer.
    fn ask(&mut self, now: Instant, id: InstanceId, event: &Word, kind: NotificationType) {
        match self.keys.get(&id).copied() {
            Some(key) => self.with(key, |instance, shared| instance.ask(now, event, kind, shared)),
            None => Instance::passing(id, now).ask(now, event, kind, &mut self.shared),
        }
    }

    fn rescan_soon(&mut self, now: Instant) {
        self.rescan_at = self.rescan_at.min(now + RESCAN_SOON);
        self.reschedule_server();
    }

    fn note(&mut self, now: Instant, note: Note) {
        if self.notes.allow(now) {
            let held_back = self.notes.take_refused();
            self.shared.put(Output::Note { about: None, note, held_back });
        }
    }

    /// The key of an instance, made if it is not known; `None` if there are too many.
    fn key_of(&mut self, now: Instant, id: InstanceId) -> Option<Key> {
        if let Some(key) = self.keys.get(&id) {
            return Some(*key);
        }
        if self.keys.len() >= INSTANCES_MAX {
            self.shared.counters.over_limit += 1;
            self.note(now, Note::TooManyInstances);
            return None;
        }
        let entry = self.instances.vacant_entry();
        let key = entry.key();
        let instance = entry.insert(Instance::new(key, id, now));
        self.tally.add(instance.state());
        self.keys.insert(id, key);
        Some(key)
    }

    fn with_file(&mut self, path: &Path, act: impl FnOnce(&mut Instance, &mut Shared)) -> bool {
        let key = instance_of(path).and_then(|id| self.keys.get(&id)).copied();
        match key {
            Some(key) if self.instances[key].file().is_some_and(|file| *file.path == *path) => {
                self.with(key, act);
                true
            }
            _ => false,
        }
    }

    /// Lets an instance act, then forgets it if it is not needed or puts its deadline in order.
    fn with(&mut self, key: Key, act: impl FnOnce(&mut Instance, &mut Shared)) {
        let Some(instance) = self.instances.get_mut(key) else { return };
        self.tally.remove(instance.state());
        act(instance, &mut self.shared);
        if instance.is_needed() {
            self.tally.add(instance.state());
            let next = instance.next_deadline();
            self.reschedule(key, next);
        } else {
            let id = instance.id();
            self.reschedule(key, None);
            self.instances.remove(key);
            self.keys.remove(&id);
        }
    }

    fn reschedule(&mut self, key: Key, next: Option<Instant>) {
        if self.scheduled.len() <= key {
            self.scheduled.resize(key + 1, None);
        }
        let old = std::mem::replace(&mut self.scheduled[key], next);
        self.deadlines.replace(key, old, next);
    }

    fn reschedule_server(&mut self) {
        let answering = self.answering.as_ref().map(|answering| answering.at);
        let due = [self.link.ready_at(), self.shared.repeats.next_due(), answering];
        let next = due.into_iter().flatten().fold(self.rescan_at, Instant::min);
        let old = self.server_scheduled.replace(next);
        self.deadlines.replace(SERVER, old, Some(next));
    }
}
