//! Keeps a stranger from filling our log.

use std::time::{Duration, Instant};

/// Time between two notes of one kind.
const PERIOD: Duration = Duration::from_secs(10);

/// Lets one note of a kind pass in each period and counts the others.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    last: Option<Instant>,
    held_back: u64,
}

impl Limiter {
    /// Whether a note may be given now, and if so how many were held back since the last one.
    pub(crate) fn admit(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < PERIOD) {
            self.held_back += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.held_back))
    }
}
