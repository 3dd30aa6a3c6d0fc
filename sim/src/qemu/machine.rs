//! One fake QEMU: the socket of its channel, and its guest.
//!
//! Whatever happens is handled in two steps: what the event itself does, then [`Machine::settle`],
//! which makes the guest agree with the channel and says what to watch for next.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::event::epoll::EventFlags;
use rustix::fd::OwnedFd;
use rustix::net::listen;

use super::behind::Behind;
use super::socket::{Io, Watched, bound};
use super::summary::Tally;
use crate::channel::GUEST_READ_MAX;
use crate::guest::Act;

/// QEMU's own: one more than this may wait.
const BACKLOG: i32 = 1;

/// What can be done to a QEMU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QemuAct {
    /// QMP `stop`: the guest freezes, the host notices nothing.
    Stop,
    /// QMP `cont`.
    Cont,
    /// SIGKILL: the host sees an end of file; the socket file stays and refuses.
    Kill,
    /// A clean end: the socket file is removed.
    Quit,
    /// Started again after [`QemuAct::Kill`] or [`QemuAct::Quit`].
    Start,
}

/// Which of a machine's descriptors an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The host connects.
    Listener = 0,
    /// The host that is served.
    Host = 1,
    /// A real guest client connects.
    DeviceListener = 2,
    /// The real guest client.
    Device = 3,
}

impl Role {
    pub(super) const ALL: [Self; 4] =
        [Self::Listener, Self::Host, Self::DeviceListener, Self::Device];

    pub(super) fn token(self, index: usize) -> u64 {
        (index * Self::ALL.len() + self as usize) as u64
    }
}

/// What a machine needs of the farm to do its part of a turn.
pub(super) struct Turn<'a> {
    pub(super) epoll: &'a OwnedFd,
    pub(super) now: Instant,
    pub(super) read: &'a mut [u8],
    pub(super) out: &'a mut Vec<u8>,
    pub(super) tally: &'a mut Tally,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Power {
    Running,
    Stopped,
    Ended,
}

pub(super) struct Machine {
    index: usize,
    path: PathBuf,
    power: Power,
    created: Instant,
    /// A host has been here since `created`.
    met: bool,
    listener: Option<Watched>,
    host: Option<Watched>,
    /// The rest of a write that the host's buffer took only in part.
    to_host: Vec<u8>,
    behind: Behind,
}

impl Machine {
    pub(super) fn start(
        index: usize,
        path: PathBuf,
        behind: Behind,
        turn: &mut Turn<'_>,
    ) -> io::Result<Self> {
        let mut machine = Self {
            index,
            path,
            power: Power::Ended,
            created: turn.now,
            met: false,
            listener: None,
            host: None,
            to_host: Vec::new(),
            behind,
        };
        machine.power_on(turn)?;
        machine.settle(turn);
        Ok(machine)
    }

    pub(super) fn act(&mut self, act: QemuAct, turn: &mut Turn<'_>) -> io::Result<()> {
        match (act, self.power) {
            (QemuAct::Stop, Power::Running) => self.power = Power::Stopped,
            (QemuAct::Cont, Power::Stopped) => self.power = Power::Running,
            (QemuAct::Kill, _) => self.end(turn),
            (QemuAct::Quit, _) => {
                self.end(turn);
                self.remove_files();
            }
            (QemuAct::Start, Power::Ended) => self.power_on(turn)?,
            _ => {}
        }
        self.settle(turn);
        Ok(())
    }

    pub(super) fn guest_act(&mut self, act: Act, turn: &mut Turn<'_>) {
        if let Behind::Guest(guest) = &mut self.behind {
            guest.script(turn.now, act);
        }
        self.settle(turn);
    }

    /// Handles what epoll reported of one descriptor.
    pub(super) fn ready(&mut self, role: Role, flags: EventFlags, turn: &mut Turn<'_>) {
        match role {
            Role::Listener => self.accept(turn),
            Role::Host => self.host_ready(flags, turn),
            Role::DeviceListener => self.device_connects(turn),
            Role::Device => self.device_ready(flags, turn),
        }
        self.settle(turn);
    }

    /// Does what is due in the guest.
    pub(super) fn handle_deadline(&mut self, turn: &mut Turn<'_>) {
        if let (Behind::Guest(guest), Power::Running) = (&mut self.behind, self.power) {
            guest.handle_deadline(turn.now);
        }
        self.settle(turn);
    }

    /// A stopped guest has none.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        match &self.behind {
            Behind::Guest(guest) if self.power == Power::Running => guest.next_deadline(),
            _ => None,
        }
    }

    pub(super) fn has_host(&self) -> bool {
        self.host.is_some()
    }

    pub(super) fn behind(&self) -> &Behind {
        &self.behind
    }

    fn power_on(&mut self, turn: &mut Turn<'_>) -> io::Result<()> {
        remove(&self.path);
        let socket = bound(&self.path)?;
        listen(&socket, BACKLOG)?;
        self.created = turn.now;
        self.met = false;
        let token = Role::Listener.token(self.index);
        self.listener = Some(Watched::new(turn.epoll, socket, token)?);
        self.power = Power::Running;
        self.behind.power_on(turn)
    }

    fn end(&mut self, turn: &mut Turn<'_>) {
        self.power = Power::Ended;
        self.listener = None;
        self.to_host = Vec::new();
        if self.host.take().is_some() {
            turn.tally.connected -= 1;
        }
        self.behind.power_off(turn);
    }

    /// Takes the next host that waits. It is asked for only while none is served.
    fn accept(&mut self, turn: &mut Turn<'_>) {
        if self.host.is_some() {
            return;
        }
        let Some(socket) = self.listener.as_ref().and_then(Watched::accept) else { return };
        let token = Role::Host.token(self.index);
        let Ok(host) = Watched::new(turn.epoll, socket, token) else { return };
        self.host = Some(host);
        turn.tally.connected += 1;
        turn.tally.connects += 1;
        if !std::mem::replace(&mut self.met, true) {
            turn.tally.latency.record(turn.now.saturating_duration_since(self.created));
        }
    }

    fn host_ready(&mut self, flags: EventFlags, turn: &mut Turn<'_>) {
        if flags.contains(EventFlags::OUT) {
            self.flush(turn);
        }
        if !self.reads_host() {
            // A QEMU whose guest does not read still notices that the host left.
            if flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR) {
                self.host_left(turn);
            }
            return;
        }
        let Some(host) = &self.host else { return };
        match host.read(&mut turn.read[..GUEST_READ_MAX]) {
            Io::Done(read) => self.behind.received(turn, read),
            Io::WouldBlock => {}
            Io::Closed => self.host_left(turn),
        }
    }

    fn host_left(&mut self, turn: &mut Turn<'_>) {
        if self.host.take().is_none() {
            return;
        }
        turn.tally.connected -= 1;
        turn.tally.host_hang_ups += 1;
        self.to_host = Vec::new();
        if self.power == Power::Running {
            self.behind.hang_up(turn);
        }
    }

    fn device_connects(&mut self, turn: &mut Turn<'_>) {
        if let Behind::Device(device) = &mut self.behind {
            device.accept(turn);
        }
    }

    fn device_ready(&mut self, flags: EventFlags, turn: &mut Turn<'_>) {
        let reads = self.to_host.is_empty() && self.power == Power::Running;
        let Behind::Device(device) = &mut self.behind else { return };
        if let Some(read) = device.ready(flags, reads, turn) {
            self.to_host.extend_from_slice(&turn.read[..read]);
            self.flush(turn);
        }
    }

    /// Makes the guest agree with the channel, carries its writes out, and watches for what comes
    /// next.
    fn settle(&mut self, turn: &mut Turn<'_>) {
        if self.power == Power::Running {
            self.behind.see_host(self.host.is_some(), turn);
            self.write_of_guest(turn);
        }
        let (reads, running) = (self.reads_host(), self.power == Power::Running);
        if let Some(listener) = &mut self.listener {
            listener.want(turn.epoll, flag(EventFlags::IN, self.host.is_none()));
        }
        if let Some(host) = &mut self.host {
            let write = flag(EventFlags::OUT, running && !self.to_host.is_empty());
            host.want(turn.epoll, EventFlags::RDHUP | flag(EventFlags::IN, reads) | write);
        }
        if let Behind::Device(device) = &mut self.behind {
            device.watch(turn.epoll, running, self.to_host.is_empty());
        }
    }

    fn reads_host(&self) -> bool {
        self.power == Power::Running && self.behind.reads()
    }

    fn write_of_guest(&mut self, turn: &mut Turn<'_>) {
        loop {
            let Behind::Guest(guest) = &mut self.behind else { return };
            let Some(written) = guest.poll_write(turn.now, turn.out) else { return };
            turn.tally.wrote(turn.now, written);
            let bytes = std::mem::take(turn.out);
            self.write(&bytes, turn);
            *turn.out = bytes;
        }
    }

    /// One write of a scripted guest. Not taken at all, it is lost; of what is taken in part the
    /// rest follows, and what is written before that is lost.
    fn write(&mut self, bytes: &[u8], turn: &mut Turn<'_>) {
        let host = self.host.as_ref().filter(|_| self.to_host.is_empty());
        match host.map(|host| host.write(bytes)) {
            Some(Io::Done(taken)) => self.to_host.extend_from_slice(&bytes[taken..]),
            Some(Io::WouldBlock) | None => turn.tally.writes_dropped += 1,
            Some(Io::Closed) => self.host_left(turn),
        }
    }

    fn flush(&mut self, turn: &mut Turn<'_>) {
        let Some(host) = &self.host else { return };
        match host.write(&self.to_host) {
            Io::Done(taken) => drop(self.to_host.drain(..taken)),
            Io::WouldBlock => {}
            Io::Closed => self.host_left(turn),
        }
        if self.to_host.is_empty() {
            self.to_host = Vec::new();
        }
    }

    fn remove_files(&self) {
        remove(&self.path);
        if let Behind::Device(device) = &self.behind {
            remove(device.path());
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.remove_files();
    }
}

/// Removes what is there; a file that is not is as good.
fn remove(path: &Path) {
    let _ = std::fs::remove_file(path);
}

pub(super) fn flag(flag: EventFlags, on: bool) -> EventFlags {
    if on { flag } else { EventFlags::empty() }
}
