//! Whether the client itself runs on time.

use std::time::{Duration, Instant};

/// How often whoever is overdue is looked at, so that a gap in our own loop is seen.
pub(super) const TICK: Duration = Duration::from_millis(400);
/// A deadline that is handled this late, after a tick that was on time, is a gap of 800 ms in which
/// the loop did not run.
const LATE: Duration = Duration::from_millis(400);
/// Times in a row that somebody's silence is excused with our own. An overloaded guest has gaps all
/// the time.
pub(super) const EXCUSES_MAX: u8 = 3;

/// When the loop was last seen to be late.
#[derive(Debug, Default)]
pub(super) struct Pace {
    gap: Option<Instant>,
}

impl Pace {
    /// The loop runs; `due` is the earliest deadline that it has not handled yet.
    pub(super) fn runs(&mut self, now: Instant, due: Option<Instant>) {
        if due.is_some_and(|due| now.saturating_duration_since(due) >= LATE) {
            self.gap = Some(now);
        }
    }

    /// Whether the loop had a gap that ended after this.
    pub(super) fn had_gap_since(&self, since: Instant) -> bool {
        self.gap.is_some_and(|gap| gap > since)
    }
}
