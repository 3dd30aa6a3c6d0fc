//! One instance: its channel, its heartbeat, what the controller said about it.
//!
//! - here: the channel's file and connection, and what a timer's end means;
//! - [`guest`]: what the guest says, and the end of an interval;
//! - [`controller`]: what the controller asks, and what it is told.

mod controller;
mod guest;
mod view;

use std::sync::Arc;
use std::time::{Duration, Instant};

use daemon::Limiter;
use protocol::InstanceId;
use protocol::channel::{CorrectiveAction, HostMessage, LineDecoder, Name};

pub use view::{InstanceState, InstanceView};

use super::connection::{Attempts, ConnectError, Connection};
use super::cycle::Heartbeat;
use super::files::ChannelFile;
use super::note::{Note, Stop};
use super::policy::{INIT_WAIT, READ_BUDGET, READ_WINDOW};
use super::request::{Request, Timeouts};
use super::server::Shared;
use super::timer::{Timer, Timers};
use super::{Key, Output};

/// All that is known of an instance.
#[derive(Debug)]
pub(super) struct Instance {
    key: Key,
    id: InstanceId,
    file: Option<ChannelFile>,
    connection: Connection,
    attempts: Attempts,
    decoder: LineDecoder,
    overlong_seen: u64,
    reading: Reading,
    guest: Option<Announced>,
    heartbeat: Heartbeat,
    /// Silence is expected until then.
    absent_until: Option<Absence>,
    request: Option<Request>,
    controller: Controller,
    held_report: Option<HeldReport>,
    timers: Timers,
    sequence: u32,
    /// Apart from each other: noise must not cost a guest its init.
    inits: Limiter,
    nacks: Limiter,
    notes: Limiter,
}

/// What the guest announced in its last init.
#[derive(Debug)]
struct Announced {
    name: Name,
    timeouts: Timeouts,
    corrective_action: CorrectiveAction,
}

/// A time in which silence is no loss.
#[derive(Debug, Clone, Copy)]
struct Absence {
    until: Instant,
    /// The next init does not end it: it only follows from our own reconnect before a suspend.
    outlives_init: bool,
}

/// What the controller said about the instance.
#[derive(Debug, Default)]
struct Controller {
    /// It named the instance, so it may be told about it, and the instance stays without a file.
    named: bool,
    reporting: bool,
}

/// A failure that came before failures are reported.
#[derive(Debug, Clone, Copy)]
enum HeldReport {
    Loss,
    IllHealth(CorrectiveAction),
}

/// How much of the guest's text was looked at lately.
#[derive(Debug)]
struct Reading {
    window: Instant,
    bytes: usize,
}

impl Instance {
    pub(super) fn new(key: Key, id: InstanceId, now: Instant) -> Self {
        Self {
            key,
            id,
            file: None,
            connection: Connection::Down,
            attempts: Attempts::default(),
            decoder: LineDecoder::default(),
            overlong_seen: 0,
            reading: Reading { window: now, bytes: 0 },
            guest: None,
            heartbeat: Heartbeat::AwaitingInit,
            absent_until: None,
            request: None,
            controller: Controller::default(),
            held_report: None,
            timers: Timers::default(),
            sequence: 0,
            inits: Limiter::new(now, 32, Duration::from_millis(100)),
            nacks: Limiter::new(now, 32, Duration::from_millis(100)),
            notes: Limiter::new(now, 20, Duration::from_secs(1)),
        }
    }

    /// One that is made for the moment of an answer and says nothing in the log.
    pub(super) fn passing(id: InstanceId, now: Instant) -> Self {
        let notes = Limiter::new(now, 0, Duration::from_secs(1));
        Self { notes, ..Self::new(Key::MAX, id, now) }
    }

    pub(super) fn id(&self) -> InstanceId {
        self.id
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Whether there is a reason to know the instance: a file, or the controller's word.
    pub(super) fn is_needed(&self) -> bool {
        self.file.is_some() || self.controller.named
    }

    pub(super) fn file(&self) -> Option<&ChannelFile> {
        self.file.as_ref()
    }

    /// Handles every timer that has ended.
    pub(super) fn handle_deadline(&mut self, now: Instant, shared: &mut Shared) {
        while let Some((timer, due)) = self.timers.take_ended(now) {
            match timer {
                Timer::Connect => self.connect(shared),
                Timer::InitWait => self.give_up_connection(now, shared),
                Timer::Interval => self.interval_over(now, due, shared),
                Timer::Answer => self.answer_for_guest(now, shared),
                Timer::ReadAgain => shared.put(Output::ResumeReading(self.key)),
                Timer::HeldReport => self.report_held(shared),
            }
        }
    }

    /// A file with the instance's name is there: connect to it unless it is the one connected to.
    pub(super) fn file_appeared(&mut self, now: Instant, file: ChannelFile, shared: &mut Shared) {
        if self.file.as_ref() == Some(&file) {
            return;
        }
        if self.file.as_ref().is_some_and(|old| old.path != file.path) && !self.is_given_up() {
            return; // The same instance under both names: the first one serves.
        }
        self.disconnect(now, Stop::ChannelClosed, shared);
        self.note(now, Note::Appeared(Arc::clone(&file.path)), shared);
        self.file = Some(file);
        self.attempts.reset();
        self.connect(shared);
    }

    /// Whether nobody serves the file: another of the same instance may be the right one.
    fn is_given_up(&self) -> bool {
        !self.connection.is_up() && self.attempts.quick_ones_failed()
    }

    /// Owner or mode of the file changed: what was denied may be allowed now.
    pub(super) fn file_touched(&mut self, shared: &mut Shared) {
        if self.file.is_some() && !self.connection.is_up() {
            self.attempts.reset();
            self.connect(shared);
        }
    }

    pub(super) fn file_vanished(&mut self, now: Instant, shared: &mut Shared) {
        if self.file.take().is_none() {
            return;
        }
        self.disconnect(now, Stop::ChannelClosed, shared);
        self.timers.stop(Timer::Connect);
        self.note(now, Note::Vanished, shared);
    }

    fn connect(&mut self, shared: &mut Shared) {
        self.timers.stop(Timer::Connect);
        if let Some(file) = &self.file {
            shared.put(Output::Connect(self.key, Arc::clone(&file.path)));
        }
    }

    pub(super) fn connected(&mut self, now: Instant, shared: &mut Shared) {
        shared.counters.connects += 1;
        self.connection = Connection::Up { since: now, greeted: false, accepted: None };
        self.timers.stop(Timer::Connect);
        self.timers.set(Timer::InitWait, now + INIT_WAIT);
        self.note(now, Note::Connected, shared);
    }

    pub(super) fn connect_failed(
        &mut self,
        now: Instant,
        error: ConnectError,
        shared: &mut Shared,
    ) {
        shared.counters.connect_failures += 1;
        let wait = self.attempts.after_failure(&mut shared.random);
        if self.attempts.quick_ones_failed() && error == ConnectError::Gone {
            return self.file_vanished(now, shared);
        }
        if self.attempts.quick_ones_just_failed() {
            self.note(now, Note::ConnectFailed { error, retry_in: wait }, shared);
        }
        self.timers.set(Timer::Connect, now + wait);
    }

    /// The channel ended by itself.
    pub(super) fn closed(&mut self, now: Instant, shared: &mut Shared) {
        let Connection::Up { since, .. } = self.connection else { return };
        shared.counters.disconnects += 1;
        self.note(now, Note::Closed, shared);
        self.end_connection(now, Stop::ChannelClosed, shared);
        let wait = self.attempts.after_close(now - since, &mut shared.random);
        self.timers.set(Timer::Connect, now + wait);
    }

    fn give_up_connection(&mut self, now: Instant, shared: &mut Shared) {
        if matches!(&self.heartbeat, Heartbeat::Cycle(cycle) if cycle.answered) {
            // If only that it is unhealthy; silence would end the cycle.
            return self.timers.set(Timer::InitWait, now + INIT_WAIT);
        }
        self.note(now, Note::NoHeartbeat, shared);
        self.disconnect(now, Stop::ChannelClosed, shared);
        self.attempts.reset();
        self.connect(shared);
    }

    /// Ends the connection from our side.
    pub(super) fn disconnect(&mut self, now: Instant, why: Stop, shared: &mut Shared) {
        if !self.connection.is_up() {
            return;
        }
        shared.put(Output::Close(self.key));
        self.end_connection(now, why, shared);
    }

    /// What every end of a connection means.
    fn end_connection(&mut self, now: Instant, why: Stop, shared: &mut Shared) {
        self.stop_heartbeat(now, why, shared);
        self.connection = Connection::Down;
        self.decoder.reset();
        for timer in [Timer::InitWait, Timer::ReadAgain] {
            self.timers.stop(timer);
        }
        self.settle(now, "the channel closed before the guest answered", shared);
    }

    /// Takes what the guest sent; more than the budget of a time window waits in its channel.
    pub(super) fn received(&mut self, now: Instant, bytes: &[u8], shared: &mut Shared) {
        if now >= self.reading.window + READ_WINDOW {
            self.reading = Reading { window: now, bytes: 0 };
        }
        self.reading.bytes += bytes.len();
        if self.reading.bytes > READ_BUDGET && self.connection.is_up() {
            shared.counters.read_pauses += 1;
            self.note(now, Note::Flooding, shared);
            shared.put(Output::PauseReading(self.key));
            self.timers.set(Timer::ReadAgain, self.reading.window + READ_WINDOW);
        }
        let mut decoder = std::mem::take(&mut self.decoder);
        let mut lines = decoder.feed(bytes);
        while let Some(line) = lines.next() {
            self.line(now, line, shared);
        }
        shared.counters.overlong_lines += decoder.overlong() - self.overlong_seen;
        self.overlong_seen = decoder.overlong();
        self.decoder = decoder;
        if !self.connection.is_up() {
            self.decoder.reset(); // One of the lines ended the connection.
        }
    }

    fn send(&mut self, message: HostMessage, shared: &mut Shared) {
        let Connection::Up { greeted, .. } = &mut self.connection else { return };
        let first = !std::mem::replace(greeted, true);
        self.sequence = self.sequence.wrapping_add(1);
        shared.put(Output::Send { key: self.key, first, sequence: self.sequence, message });
    }

    fn note(&mut self, now: Instant, note: Note, shared: &mut Shared) {
        if self.notes.allow(now) {
            let held_back = self.notes.take_refused();
            let name = self.guest.as_ref().map(|guest| guest.name.clone());
            shared.put(Output::Note { about: Some((self.id, name)), note, held_back });
        }
    }
}
