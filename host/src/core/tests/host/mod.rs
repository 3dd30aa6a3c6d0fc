//! A guestServer in virtual time, with channels, guests and an agent that do what a scenario says.
//!
//! What the core promises its shell is checked at every step, whatever the scenario is about: see
//! [`shell`].

mod names;
mod shell;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::InstanceId;
use protocol::channel::{CorrectiveAction, GuestMessage, HostMessage};
use protocol::datagram::{Command, Event, EventId, Switch};

use super::super::{
    ChannelFile, ConnectError, Destination, FileIdentity, GuestServer, Input, InstanceState, Key,
    Policy,
};
use super::guest;
use names::{number_of, text_of};

pub(super) use names::{other_path_of, path_of};

pub(super) const DIRECTORY: &str = "/run/channels";
pub(super) const AGENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// A compute host.
pub(super) struct Host {
    pub(super) server: GuestServer,
    start: Instant,
    now: Instant,
    channels: BTreeMap<Arc<Path>, Channel>,
    connected: BTreeMap<Key, Connected>,
    paused: BTreeSet<Key>,
    connections: u64,
    guests: BTreeMap<u64, Guest>,
    /// What guests have sent and the server has not yet read.
    arriving: VecDeque<(Instant, u64, Vec<u8>)>,
    unanswered: BTreeMap<u64, i64>,
    running: BTreeSet<u64>,
    files_made: u64,
    /// Scans that were asked for.
    pub(super) scans: usize,
    attempts: Vec<(Duration, Arc<Path>)>,
    closes: Vec<u64>,
    sent: Vec<Sent>,
    events: Vec<(Duration, Event)>,
    pub(super) destinations: Vec<Destination>,
    /// Of each event, if it must arrive.
    pub(super) ids: Vec<Option<EventId>>,
    pub(super) notes: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
struct Channel {
    identity: FileIdentity,
    is_socket: bool,
    refuses: Option<ConnectError>,
}

#[derive(Debug, Clone)]
struct Connected {
    number: u64,
    path: Arc<Path>,
    connection: u64,
    greeted: bool,
}

/// How a guest answers challenges.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Guest {
    pub(super) answers: Answers,
    /// How long it takes to.
    pub(super) delay: Duration,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Answers {
    #[default]
    Never,
    Healthy,
    Unhealthy(CorrectiveAction),
}

/// An object that went to a guest.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sent {
    pub(super) at: Duration,
    pub(super) number: u64,
    pub(super) first: bool,
    pub(super) sequence: u32,
    pub(super) message: HostMessage,
}

impl Host {
    /// A host that has just started, without any channel; the agent has not spoken.
    pub(super) fn new() -> Self {
        Self::with_policy(Policy::default())
    }

    pub(super) fn with_policy(policy: Policy) -> Self {
        Self::with_files(policy, 0)
    }

    /// A host on which the channels `1..=files` exist before the server starts.
    #[expect(clippy::disallowed_methods, reason = "any instant will do as a start")]
    pub(super) fn with_files(policy: Policy, files: u64) -> Self {
        let start = Instant::now();
        let mut state = 1_u32;
        let random = Box::new(move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.rotate_left(16)
        });
        let mut host = Self {
            server: GuestServer::new(policy, start, random),
            start,
            now: start,
            channels: BTreeMap::new(),
            connected: BTreeMap::new(),
            paused: BTreeSet::new(),
            connections: 0,
            guests: BTreeMap::new(),
            arriving: VecDeque::new(),
            unanswered: BTreeMap::new(),
            running: BTreeSet::new(),
            files_made: 0,
            scans: 0,
            attempts: Vec::new(),
            closes: Vec::new(),
            sent: Vec::new(),
            events: Vec::new(),
            destinations: Vec::new(),
            ids: Vec::new(),
            notes: Vec::new(),
        };
        for number in 1..=files {
            host.put_file(&path_of(number), true);
        }
        host.drain();
        host.run(Duration::ZERO);
        host
    }

    /// A host whose agent has spoken; its events so far are forgotten.
    pub(super) fn managed() -> Self {
        Self::new().agreed()
    }

    pub(super) fn agreed(mut self) -> Self {
        self.command(&Command::Loopback);
        self.forget();
        self
    }

    /// A managed host with one instance, number 1, that heartbeats and is reported.
    pub(super) fn with_heartbeat() -> Self {
        let mut host = Self::managed();
        host.name(1, Switch::Enabled);
        host.boot(1);
        host.forget();
        host
    }

    // Time.

    /// Time since the start.
    pub(super) fn time(&self) -> Duration {
        self.now - self.start
    }

    /// Lets time pass, every deadline and every answer in its moment.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        let mut wakes_now = 0;
        while let Some(at) = self.next_moment().filter(|at| *at <= end) {
            wakes_now = if at > self.now { 0 } else { wakes_now + 1 };
            assert!(wakes_now < 1000, "spinning at {:?}", self.time());
            self.now = self.now.max(at);
            self.wake();
        }
        self.now = end;
    }

    /// The host does nothing for a while, then catches up.
    pub(super) fn stall(&mut self, time: Duration) {
        self.now += time;
        self.wake();
    }

    /// As a shell does: what is readable first, then the deadlines.
    pub(super) fn wake(&mut self) {
        self.deliver();
        self.server.handle_deadline(self.now);
        let next = self.server.next_deadline();
        assert!(next.is_some_and(|next| next > self.now), "a deadline in the past is left");
        self.drain();
    }

    fn next_moment(&self) -> Option<Instant> {
        let readable = |(_, connection, _): &&(Instant, u64, Vec<u8>)| {
            !self.connected.iter().any(|(key, connected)| {
                connected.connection == *connection && self.paused.contains(key)
            })
        };
        let arrival = self.arriving.iter().filter(readable).map(|(at, ..)| *at).min();
        self.server.next_deadline().into_iter().chain(arrival).min()
    }

    // Channels and their files.

    /// The channel of an instance appears, and is served.
    pub(super) fn appear(&mut self, number: u64) {
        self.appear_at(&path_of(number), true);
    }

    pub(super) fn appear_at(&mut self, path: &Path, is_socket: bool) {
        let file = self.put_file(path, is_socket);
        self.input(Input::FileAppeared(file));
    }

    /// The file is announced again; it is the one that is known.
    pub(super) fn announce(&mut self, path: &Path) {
        let channel = self.channels[path];
        self.input(Input::FileAppeared(channel.file(path)));
    }

    /// A file is there, but no event tells of it. One of the same name is replaced.
    pub(super) fn put_file(&mut self, path: &Path, is_socket: bool) -> ChannelFile {
        self.files_made += 1;
        let identity = FileIdentity { inode: 12, made_ns: self.files_made.cast_signed() };
        let channel = Channel { identity, is_socket, refuses: None };
        self.channels.insert(path.into(), channel);
        channel.file(path)
    }

    pub(super) fn vanish(&mut self, number: u64) {
        self.vanish_at(&path_of(number));
    }

    pub(super) fn vanish_at(&mut self, path: &Path) {
        self.remove_file(path);
        self.input(Input::FileVanished(path));
    }

    /// A file is gone, but no event tells of it.
    pub(super) fn remove_file(&mut self, path: &Path) {
        self.channels.remove(path);
    }

    pub(super) fn touch(&mut self, number: u64) {
        self.input(Input::FileTouched(&path_of(number)));
    }

    /// From now on connecting fails, or succeeds again.
    pub(super) fn refuse(&mut self, number: u64, refuses: Option<ConnectError>) {
        self.channels.get_mut(&*path_of(number)).unwrap().refuses = refuses;
    }

    /// QEMU ends the connection.
    pub(super) fn hang_up(&mut self, number: u64) {
        let key = self.key(number);
        self.connected.remove(&key);
        self.paused.remove(&key);
        self.input(Input::Closed(key));
    }

    /// Files with a channel's name that exist now.
    pub(super) fn files(&self) -> Vec<Arc<Path>> {
        self.channels.keys().cloned().collect()
    }

    /// The path of the channel that an instance is connected to.
    pub(super) fn connected_to(&self, number: u64) -> Option<Arc<Path>> {
        let found = self.connected.values().find(|connected| connected.number == number);
        found.map(|connected| Arc::clone(&connected.path))
    }

    // Guests.

    /// A guest that answers starts on a channel that appears now.
    pub(super) fn boot(&mut self, number: u64) {
        self.appear(number);
        self.answer(number, Answers::Healthy);
        self.say(number, &GuestMessage::Init(guest::init()));
    }

    pub(super) fn answer(&mut self, number: u64, answers: Answers) {
        self.guests.entry(number).or_default().answers = answers;
    }

    pub(super) fn answer_after(&mut self, number: u64, delay: Duration) {
        self.guests.entry(number).or_default().delay = delay;
    }

    pub(super) fn say(&mut self, number: u64, message: &GuestMessage) {
        let mut bytes = Vec::new();
        message.encode(1, &mut bytes);
        self.say_bytes(number, &bytes);
    }

    pub(super) fn say_bytes(&mut self, number: u64, bytes: &[u8]) {
        let connection = self.connected[&self.key(number)].connection;
        for piece in bytes.chunks(4096) {
            self.arriving.push_back((self.now, connection, piece.to_vec()));
        }
        self.deliver();
    }

    // The agent.

    pub(super) fn command(&mut self, command: &Command) {
        let mut bytes = Vec::new();
        command.encode("192.0.2.1", "host", &mut bytes);
        match command {
            Command::Vote { uuid, .. } | Command::Notify { uuid, .. } => {
                *self.unanswered.entry(number_of(*uuid)).or_default() += 1;
            }
            Command::DeleteInstance { uuid } => {
                self.unanswered.remove(&number_of(*uuid));
                self.running.remove(&number_of(*uuid));
            }
            _ => {}
        }
        self.input(Input::Datagram { from: AGENT, bytes: &bytes });
    }

    pub(super) fn name(&mut self, number: u64, reporting: Switch) {
        self.command(&Command::ModifyInstance { uuid: InstanceId::numbered(number), reporting });
    }

    pub(super) fn delete(&mut self, number: u64) {
        self.command(&Command::DeleteInstance { uuid: InstanceId::numbered(number) });
    }

    pub(super) fn vote(&mut self, number: u64, event: &str) {
        let uuid = InstanceId::numbered(number);
        self.command(&Command::Vote { uuid, event: event.into() });
    }

    pub(super) fn notify(&mut self, number: u64, event: &str) {
        let uuid = InstanceId::numbered(number);
        self.command(&Command::Notify { uuid, event: event.into() });
    }

    /// Requests that were not answered yet.
    pub(super) fn unanswered(&self) -> i64 {
        self.unanswered.values().sum()
    }

    // What came of it. Each of these forgets what it returns.

    /// The events that the agent got, as text.
    pub(super) fn events(&mut self) -> Vec<String> {
        self.timed_events().into_iter().map(|(_, event)| event).collect()
    }

    pub(super) fn timed_events(&mut self) -> Vec<(Duration, String)> {
        let events = std::mem::take(&mut self.events);
        events.into_iter().map(|(at, event)| (at, text_of(&event))).collect()
    }

    pub(super) fn full_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events).into_iter().map(|(_, event)| event).collect()
    }

    /// Objects that went to guests.
    pub(super) fn sent(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.sent)
    }

    pub(super) fn messages(&mut self) -> Vec<HostMessage> {
        self.sent().into_iter().map(|sent| sent.message).collect()
    }

    /// When it was tried to connect.
    pub(super) fn attempts(&mut self) -> Vec<Duration> {
        std::mem::take(&mut self.attempts).into_iter().map(|(at, _)| at).collect()
    }

    /// The connections that the server closed.
    pub(super) fn closes(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.closes)
    }

    pub(super) fn forget(&mut self) {
        self.events.clear();
        self.sent.clear();
        self.attempts.clear();
        self.closes.clear();
        self.notes.clear();
    }

    /// `None` if the instance is not known.
    pub(super) fn state(&self, number: u64) -> Option<InstanceState> {
        Some(self.server.instance(InstanceId::numbered(number))?.state)
    }
}

impl Channel {
    fn file(self, path: &Path) -> ChannelFile {
        ChannelFile { path: path.into(), identity: self.identity, is_socket: self.is_socket }
    }
}

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(super) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Time from one moment to a later one.
pub(super) fn since(later: Duration, earlier: Duration) -> Duration {
    later.checked_sub(earlier).expect("a later moment")
}
