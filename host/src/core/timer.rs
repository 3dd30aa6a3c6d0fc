//! The timers of one instance.

use std::time::Instant;

/// What can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timer {
    /// When to try to connect to the channel.
    Connect,
    /// When to give up a connection on which no heartbeat runs.
    InitWait,
    /// When the heartbeat interval ends: judge it, send the next challenge.
    Interval,
    /// When to answer a vote or notification for a guest that has not.
    Answer,
    /// When to read again from a guest that sent too much.
    ReadAgain,
    /// When to report a failure that came too early after the start.
    HeldReport,
}

impl Timer {
    const COUNT: usize = 6;
    const ALL: [Self; Self::COUNT] = [
        Self::Connect,
        Self::InitWait,
        Self::Interval,
        Self::Answer,
        Self::ReadAgain,
        Self::HeldReport,
    ];
}

/// When each timer ends, if it runs.
#[derive(Debug, Default)]
pub(super) struct Timers([Option<Instant>; Timer::COUNT]);

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        self.0[timer as usize] = Some(at);
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().flatten().min().copied()
    }

    /// Stops and returns a timer that has ended, with the time it was set to.
    pub(super) fn take_ended(&mut self, now: Instant) -> Option<(Timer, Instant)> {
        Timer::ALL.into_iter().find_map(|timer| {
            let at = self.0[timer as usize].take_if(|at| *at <= now)?;
            Some((timer, at))
        })
    }
}
