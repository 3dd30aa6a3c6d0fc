//! Whether missing challenges are the host's doing or our own.
//!
//! A client that was not scheduled (suspended, paused, overloaded) cannot tell: challenges may have
//! come and gone meanwhile. So a period in which its own loop had a gap is not judged; another one
//! begins. While challenges come on time nothing here costs a wake-up: the loop is watched only
//! once a challenge is overdue.

use std::time::{Duration, Instant};

use super::timer::{Timer, Timers};

/// How often the loop is watched while a challenge is overdue.
const TICK: Duration = Duration::from_millis(400);
/// A time of this length in which the loop did not run is a gap.
const GAP: Duration = Duration::from_millis(800);
/// Periods in a row that are not judged because of a gap. An overloaded guest has gaps all the
/// time, and must announce itself in the end.
const EXCUSES_MAX: u8 = 3;

/// The present period without a challenge.
#[derive(Debug)]
pub(super) struct Silence {
    /// A challenge is overdue when none came for this long.
    overdue: Duration,
    /// Challenges have stopped when none came for this long.
    limit: Duration,
    gap: bool,
    excuses: u8,
}

/// What a period without a challenge means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The host has stopped.
    Stopped,
    /// The client was late itself: a new period has begun.
    Excused,
}

impl Silence {
    pub(super) fn new(interval: Duration, limit: Duration) -> Self {
        Self { overdue: interval + TICK, limit, gap: false, excuses: 0 }
    }

    /// Counts from the next challenge on.
    pub(super) fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// A challenge came, or the host has just taken our init.
    pub(super) fn heard(&mut self, now: Instant, timers: &mut Timers) {
        self.gap = false;
        self.excuses = 0;
        timers.set(Timer::Watch, now + self.overdue);
        timers.set(Timer::Silence, now + self.limit);
    }

    /// The loop ran for [`Timer::Watch`], `late` after it was due.
    pub(super) fn watched(&mut self, now: Instant, late: Duration, timers: &mut Timers) {
        self.gap |= late + TICK >= GAP;
        timers.set(Timer::Watch, now + TICK);
    }

    /// [`Timer::Silence`] is due.
    pub(super) fn judge(&mut self, now: Instant, timers: &mut Timers) -> Verdict {
        if !self.gap || self.excuses == EXCUSES_MAX {
            return Verdict::Stopped;
        }
        self.gap = false;
        self.excuses += 1;
        timers.set(Timer::Silence, now + self.limit);
        Verdict::Excused
    }
}
