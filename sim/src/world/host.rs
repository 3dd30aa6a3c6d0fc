//! Drives the core of guestServer as its shell does: everything that can be read is handed in
//! before a deadline is handled, and outputs are drained after every input.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::{Duration, Instant};

use guest_server::core::{ChannelFile, GuestServer, Input, Key, Policy};
use protocol::datagram::{Command, EventId};

use super::sabotage::Sabotage;
use super::{Happening, Phase, Seen, World};
use crate::channel::HostError;

/// The agent's address.
pub(super) const AGENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 204, 2));
/// The channel directory.
pub(super) const DIRECTORY: &str = "/run/channels";
/// Bytes that the shell reads at once.
const READ: usize = 16 * 1024;
/// The server counts as late from here on.
const LATE: Duration = Duration::from_millis(20);

/// The host, as far as guestServer is concerned.
pub(super) struct Host {
    pub(super) core: Option<GuestServer>,
    threshold: u32,
    /// Which instance a key stands for, while it is connected.
    pub(super) connected: Vec<Option<usize>>,
    pub(super) stalled_until: Option<Instant>,
    /// How much later than it should the shell wakes up at most.
    pub(super) sluggish: Duration,
    pub(super) random: fastrand::Rng,
    pub(super) phase: Phase,
    pub(super) late: Duration,
    wake_at: Option<Instant>,
    notices: Vec<Notice>,
    datagrams: VecDeque<Box<[u8]>>,
    readable: Vec<usize>,
    is_readable: Vec<bool>,
    buffer: Vec<u8>,
    pub(super) scan_wanted: bool,
    pub(super) resurrected: Vec<(Key, u32)>,
    /// The newest event of the present server that asks for an acknowledgement.
    pub(super) newest: Option<EventId>,
}

/// What inotify tells.
#[derive(Debug, Clone, Copy)]
pub(super) enum Notice {
    Appeared(usize),
    Vanished(usize),
}

impl Host {
    pub(super) fn new(seed: u64, instances: usize, threshold: u32) -> Self {
        Self {
            core: None,
            threshold,
            connected: Vec::new(),
            stalled_until: None,
            sluggish: Duration::from_millis(1),
            random: fastrand::Rng::with_seed(seed),
            phase: Phase::Start,
            late: Duration::ZERO,
            wake_at: None,
            notices: Vec::new(),
            datagrams: VecDeque::new(),
            readable: Vec::new(),
            is_readable: vec![false; instances],
            buffer: vec![0; READ],
            scan_wanted: false,
            resurrected: Vec::new(),
            newest: None,
        }
    }

    /// Whether an event goes out for the first time; the server counts those that it repeats.
    pub(super) fn is_first(&mut self, id: Option<EventId>) -> bool {
        let Some(id) = id else { return true };
        let first = self.newest.is_none_or(|newest| newest.next() == id);
        if first {
            self.newest = Some(id);
        }
        first
    }

    fn instance_of(&self, key: Key) -> Option<usize> {
        self.connected.get(key).copied().flatten()
    }
}

impl World {
    /// Nothing of the server is driven for a while.
    pub fn stall_host(&mut self, lasts: Duration) {
        let until = self.now + lasts;
        let until = self.host.stalled_until.map_or(until, |already| already.max(until));
        self.host.stalled_until = Some(until);
        self.host.wake_at = None;
        self.wake_host(until - self.now);
    }

    /// Nothing runs on the whole machine for a while: it is suspended or hopelessly overloaded.
    pub fn freeze_machine(&mut self, lasts: Duration) {
        self.frozen_until = Some(self.now + lasts);
        self.stall_host(lasts);
    }

    /// The shell wakes up to this much later than it should.
    pub fn slow_host(&mut self, up_to: Duration) {
        self.host.sluggish = up_to.max(Duration::from_millis(1));
    }

    /// The server ends; another one starts after `down`.
    pub fn restart_server(&mut self, down: Duration) {
        if self.host.core.take().is_none() {
            return;
        }
        self.seen.push(Seen::ServerEnded);
        self.host.connected.clear();
        self.host.notices.clear();
        self.host.datagrams.clear();
        self.host.wake_at = None;
        for number in 0..self.instances.len() {
            self.hang_up(number);
        }
        self.queue.put(self.now + down, Happening::ServerStarts);
    }

    pub(super) fn server_starts(&mut self) {
        let mut random = self.host.random.fork();
        let policy = Policy {
            hostname: self.hostname.clone(),
            failure_threshold: self.host.threshold,
            ..Policy::default()
        };
        let core = GuestServer::new(policy, self.now, Box::new(move || random.u32(..)));
        self.host.core = Some(core);
        self.host.newest = None;
        self.host.phase = Phase::Start;
        self.seen.push(Seen::ServerStarted);
        self.drain();
        self.sleep_until_next();
    }

    /// Wakes the shell no later than after `delay`.
    pub(super) fn wake_host(&mut self, delay: Duration) {
        let stalled = self.host.stalled_until.filter(|until| *until > self.now);
        let at = (self.now + delay).max(stalled.unwrap_or(self.now));
        if self.host.wake_at.is_none_or(|wake| wake > at) {
            self.host.wake_at = Some(at);
            self.queue.put(at, Happening::Host);
        }
    }

    pub(super) fn host_wakes(&mut self, at: Instant) {
        let due = self.host.wake_at.take_if(|wake| *wake == at).is_some();
        if !due || self.host.stalled_until.is_some_and(|until| until > at) {
            return;
        }
        self.host.stalled_until = None;
        let Some(core) = &self.host.core else { return };
        let deadline = core.next_deadline();
        self.host.late = deadline.map_or(Duration::ZERO, |due| at.saturating_duration_since(due));
        if self.host.late > LATE {
            self.seen.push(Seen::ServerLate(self.host.late));
        }
        self.hand_in();
        let core = self.host.core.as_mut().expect("nothing that is handed in ends it");
        if core.next_deadline().is_some_and(|due| due <= at) {
            self.host.phase = Phase::Deadline;
            core.handle_deadline(at);
            self.drain();
        }
        self.sleep_until_next();
    }

    /// Everything that can be read, before any deadline.
    fn hand_in(&mut self) {
        for notice in std::mem::take(&mut self.host.notices) {
            self.hand_in_notice(notice);
        }
        while let Some(bytes) = self.host.datagrams.pop_front() {
            self.hand_in_datagram(&bytes);
        }
        let mut readable = std::mem::take(&mut self.host.readable);
        for number in readable.drain(..) {
            self.host.is_readable[number] = false;
            self.read(number);
        }
        if self.host.readable.is_empty() {
            self.host.readable = readable;
        }
    }

    fn sleep_until_next(&mut self) {
        if !self.host.readable.is_empty() {
            self.wake_host(Duration::ZERO);
        }
        let next = self.host.core.as_ref().and_then(GuestServer::next_deadline);
        if let Some(next) = next {
            let most = u64::try_from(self.host.sluggish.as_micros()).expect("less than a second");
            let jitter = Duration::from_micros(self.host.random.u64(..most));
            self.wake_host(next.saturating_duration_since(self.now) + jitter);
        }
    }

    /// Tells the server of a file; whether there is one to be told.
    pub(super) fn notice(&mut self, notice: Notice) -> bool {
        let runs = self.host.core.is_some();
        if runs {
            self.host.notices.push(notice);
            self.wake_host(Duration::from_micros(100));
        }
        runs
    }

    pub(super) fn datagram_at_host(&mut self, bytes: Box<[u8]>) {
        if self.host.core.is_some() {
            self.host.datagrams.push_back(bytes);
            self.wake_host(Duration::from_micros(50));
        }
    }

    /// A guest may have read or written.
    pub(super) fn after_guest(&mut self, number: usize) {
        self.send_rest(number);
        self.look_at_channel(number);
    }

    pub(super) fn look_at_channel(&mut self, number: usize) {
        let instance = &self.instances[number];
        let readable = (instance.conn.as_ref())
            .is_some_and(|c| !c.paused && instance.channel.host_readable(c.conn));
        if readable && !std::mem::replace(&mut self.host.is_readable[number], true) {
            self.host.readable.push(number);
            let delay = self.host.random.u64(10..300);
            self.wake_host(Duration::from_micros(delay));
        }
    }

    fn hand_in_notice(&mut self, notice: Notice) {
        self.host.phase = Phase::Files;
        match notice {
            Notice::Appeared(number) if self.instances[number].channel.file_exists() => {
                let file = self.instances[number].file();
                self.hand(Input::FileAppeared(file));
            }
            Notice::Appeared(_) => {}
            Notice::Vanished(number) => {
                let path = std::sync::Arc::clone(&self.instances[number].path);
                self.hand(Input::FileVanished(&path));
            }
        }
    }

    fn hand_in_datagram(&mut self, bytes: &[u8]) {
        self.host.phase = Phase::Datagram;
        if let Ok(command) = Command::decode(bytes) {
            self.seen.push(Seen::Command(command));
        }
        self.hand(Input::Datagram { from: AGENT, bytes });
    }

    /// Reads all there is, unless the core wants no more for now.
    fn read(&mut self, number: usize) {
        let Some(served) = self.instances[number].conn.as_ref().map(|c| (c.key, c.conn)) else {
            return;
        };
        let (key, conn) = served;
        let mut buffer = std::mem::take(&mut self.host.buffer);
        loop {
            let instance = &mut self.instances[number];
            let same = instance.conn.as_ref().is_some_and(|c| c.conn == conn && !c.paused);
            if !same {
                break;
            }
            match instance.channel.host_read(conn, &mut buffer) {
                Ok(0) => self.end_of_file(number, key),
                Ok(_) if self.is_deaf_to(number) => {}
                Ok(read) => {
                    self.host.phase = Phase::Reading(number);
                    self.hand(Input::Received(key, &buffer[..read]));
                }
                Err(HostError::WouldBlock | HostError::BrokenPipe) => break,
            }
        }
        self.host.buffer = buffer;
    }

    fn is_deaf_to(&self, number: usize) -> bool {
        matches!(self.sabotage, Some(Sabotage::Deaf { number: deaf, after })
            if deaf == number && self.now >= self.begin + after)
    }

    fn end_of_file(&mut self, number: usize, key: Key) {
        self.hang_up(number);
        self.host.phase = Phase::Closing(number);
        self.hand(Input::Closed(key));
    }

    /// Closes the server's connection, if there is one.
    pub(super) fn hang_up(&mut self, number: usize) {
        let now = self.now;
        let instance = &mut self.instances[number];
        let Some(connected) = instance.conn.take() else { return };
        instance.channel.host_close(connected.conn);
        instance.break_off(now);
        if let Some(slot) = self.host.connected.get_mut(connected.key) {
            *slot = None;
        }
        self.seen.push(Seen::Closed { number });
        self.wake_guest(number, Duration::from_millis(1));
    }

    /// Hands one input to the core and carries out what it wants.
    pub(super) fn hand(&mut self, input: Input<'_>) {
        let Some(core) = self.host.core.as_mut() else { return };
        core.handle(self.now, input);
        self.drain();
    }

    fn files(&self) -> Vec<ChannelFile> {
        let there = self.instances.iter().filter(|instance| instance.channel.file_exists());
        there.map(super::Instance::file).collect()
    }

    /// Looks at the channel directory.
    pub(super) fn scan(&mut self) {
        self.host.phase = Phase::Files;
        let files = self.files();
        self.hand(Input::Scanned { directory: Path::new(DIRECTORY), files });
    }

    pub(super) fn instance_of(&self, key: Key) -> Option<usize> {
        self.host.instance_of(key)
    }
}
