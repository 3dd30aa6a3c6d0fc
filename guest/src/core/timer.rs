//! The client's timers, by name.

use std::time::{Duration, Instant};

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timer {
    /// When to begin although nothing is known of the channel yet.
    Start,
    /// When to answer the newest challenge: at once, but after everything that was readable.
    Challenge,
    /// When to send the next init.
    InitRetry,
    /// When to see whether our own loop still runs on time; ticks only while a challenge is overdue.
    Watch,
    /// When to judge that challenges have stopped.
    Silence,
    /// When to answer an event in place of handlers that have not answered.
    Answer,
}

impl Timer {
    /// Every timer, in the order in which those that are due together fire: `Watch` before
    /// `Silence`, which judges by what `Watch` saw.
    pub(super) const ALL: [Self; 6] =
        [Self::Start, Self::Challenge, Self::InitRetry, Self::Watch, Self::Silence, Self::Answer];
}

/// When each timer is due.
#[derive(Debug, Default)]
pub(super) struct Timers([Option<Instant>; Timer::ALL.len()]);

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        self.0[timer as usize] = Some(at);
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    pub(super) fn stop_all(&mut self) {
        *self = Self::default();
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().flatten().min().copied()
    }

    /// Stops the timer if it is due and tells how late that is seen.
    pub(super) fn expire(&mut self, timer: Timer, now: Instant) -> Option<Duration> {
        let late = now.checked_duration_since(self.0[timer as usize]?)?;
        self.stop(timer);
        Some(late)
    }
}
