//! What is known of a guest: what the VIM was told, what its client said, what its host counts.

use std::time::{Duration, Instant};

use protocol::InstanceId;
use protocol::vim::AlarmState;

use super::scene::What;
use super::status::Seen;
use super::told::{Kind, Said};

/// Misses after which guestServer, as it is started here, declares a loss.
pub(super) const LOST_MISSES: u32 = 2;

/// What the table says of a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    Heartbeating,
    /// It heartbeats, but the VIM was told that it is not well.
    Unhealthy,
    Lost,
    Left,
    Unreachable,
    /// The VIM is rebooting it.
    Rebooting,
}

/// A guest.
#[derive(Debug)]
pub(super) struct Guest {
    pub(super) name: String,
    /// Index of its host.
    pub(super) host: usize,
    pub(super) id: InstanceId,
    pub(super) state: State,
    /// As guestServer's status says.
    pub(super) interval: Option<Duration>,
    /// In a row, as guestServer's status says.
    pub(super) misses: u32,
    pub(super) beats: u64,
    pub(super) last_beat: Option<Instant>,
    /// What the VIM was told last.
    pub(super) last_told: Option<(Instant, Kind)>,
    /// What the VIM believes.
    is_running: bool,
    said_exit: bool,
}

impl State {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Heartbeating => "heartbeating",
            Self::Unhealthy => "unhealthy",
            Self::Lost => "lost",
            Self::Left => "left",
            Self::Unreachable => "unreachable",
            Self::Rebooting => "rebooting",
        }
    }
}

impl Guest {
    pub(super) fn new(name: String, host: usize, id: InstanceId) -> Self {
        Self {
            name,
            host,
            id,
            state: State::Waiting,
            interval: None,
            misses: 0,
            beats: 0,
            last_beat: None,
            last_told: None,
            is_running: false,
            said_exit: false,
        }
    }

    pub(super) fn begin(&mut self, what: What) {
        if matches!(what, What::Repair | What::RebootIll | What::Reboot) {
            self.state = State::Rebooting;
        }
    }

    /// Whether the VIM knows it already: the audit tells of an instance that never heartbeated that
    /// it does not.
    pub(super) fn is_no_news(&self, kind: Kind) -> bool {
        kind == Kind::Stopped && !self.is_running
    }

    /// The VIM was told; `connected`: whether guestServer is connected to the guest's channel.
    pub(super) fn told(&mut self, at: Instant, kind: Kind, connected: bool) {
        self.last_told = Some((at, kind));
        match kind {
            Kind::Running => {
                self.is_running = true;
                self.state = State::Heartbeating;
                self.misses = 0;
            }
            Kind::Stopped => {
                self.is_running = false;
                self.interval = None;
                self.stopped(connected);
            }
            Kind::Alarm(AlarmState::Unhealthy, _) => self.state = State::Unhealthy,
            Kind::Alarm(AlarmState::Failed, _) => {
                self.state = State::Lost;
                self.misses = LOST_MISSES;
            }
            Kind::Answer(..) => {}
        }
    }

    fn stopped(&mut self, connected: bool) {
        self.state = match self.state {
            State::Rebooting => State::Rebooting,
            _ if !connected => State::Unreachable,
            _ if self.said_exit => State::Left,
            _ => State::Waiting,
        };
    }

    pub(super) fn heard(&mut self, at: Instant, said: Said) {
        match said {
            Said::Init => self.said_exit = false,
            Said::Exit => {
                self.said_exit = true;
                // What the VIM was told may have come first.
                if self.state == State::Waiting {
                    self.state = State::Left;
                }
            }
            Said::Answer | Said::Unhealthy => {
                self.beats += 1;
                self.last_beat = Some(at);
                // The VIM is told when a guest falls ill, not when it is well again.
                if said == Said::Answer && self.state == State::Unhealthy {
                    self.state = State::Heartbeating;
                }
            }
        }
    }

    pub(super) fn seen(&mut self, seen: &Seen) {
        self.interval = seen.interval;
        if self.state != State::Lost {
            self.misses = seen.misses;
        }
    }
}
