//! Keeps scripts and applications from filling our log.

use std::time::{Duration, Instant};

const PERIOD: Duration = Duration::from_secs(10);
/// Lines in each period.
const LINES: u32 = 20;

/// Lets so many lines of a kind pass in each period and counts the others.
#[derive(Debug, Default)]
pub(crate) struct Allowance {
    since: Option<Instant>,
    used: u32,
    held_back: u64,
}

impl Allowance {
    /// Whether a line may be written now, and if so how many were held back since the last one.
    pub(crate) fn admit(&mut self, now: Instant) -> Option<u64> {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= PERIOD) {
            self.since = Some(now);
            self.used = 0;
        }
        if self.used == LINES {
            self.held_back += 1;
            return None;
        }
        self.used += 1;
        Some(std::mem::take(&mut self.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do to count from")]
    fn what_is_too_much_is_counted_until_the_next_period() {
        let start = Instant::now();
        let mut allowance = Allowance::default();
        for _ in 0..LINES {
            assert_eq!(allowance.admit(start), Some(0));
        }
        for _ in 0..3 {
            assert_eq!(allowance.admit(start + PERIOD / 2), None);
        }
        assert_eq!(allowance.admit(start + PERIOD), Some(3));
        assert_eq!(allowance.admit(start + PERIOD), Some(0));
    }
}
