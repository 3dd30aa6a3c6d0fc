//! How often something may happen: a bucket of tokens that fills with time. Pure, so that cores use
//! it too.

use std::time::{Duration, Instant};

/// `capacity` at once, then one each `refill`.
#[derive(Debug)]
pub struct Limiter {
    capacity: u32,
    refill: Duration,
    tokens: u32,
    filled_at: Instant,
    refused: u32,
}

impl Limiter {
    /// A full bucket.
    pub fn new(now: Instant, capacity: u32, refill: Duration) -> Self {
        Self { capacity, refill, tokens: capacity, filled_at: now, refused: 0 }
    }

    /// Whether it may happen now.
    pub fn allow(&mut self, now: Instant) -> bool {
        self.fill(now);
        if self.tokens == 0 {
            self.refused = self.refused.saturating_add(1);
            return false;
        }
        self.tokens -= 1;
        true
    }

    /// How often it was refused since this was last asked.
    pub fn take_refused(&mut self) -> u32 {
        std::mem::take(&mut self.refused)
    }

    fn fill(&mut self, now: Instant) {
        if self.tokens == self.capacity {
            self.filled_at = now;
            return;
        }
        let since = now.saturating_duration_since(self.filled_at);
        let gained = u32::try_from(since.as_nanos() / self.refill.as_nanos()).unwrap_or(u32::MAX);
        self.tokens = self.tokens.saturating_add(gained).min(self.capacity);
        self.filled_at += self.refill * gained;
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any instant will do as a start")]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_one_each_refill() {
        let start = Instant::now();
        let mut limiter = Limiter::new(start, 3, Duration::from_millis(100));
        let allowed = |limiter: &mut Limiter, at: u64| {
            let now = start + Duration::from_millis(at);
            (0..10).filter(|_| limiter.allow(now)).count()
        };
        assert_eq!(allowed(&mut limiter, 0), 3);
        assert_eq!(limiter.take_refused(), 7);
        assert_eq!(allowed(&mut limiter, 99), 0);
        assert_eq!(allowed(&mut limiter, 250), 2);
        assert_eq!(allowed(&mut limiter, 100_000), 3);
    }
}
