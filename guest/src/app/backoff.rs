//! How long to wait before the client is looked for again.

use std::time::Duration;

/// After the first failure.
const FIRST: Duration = Duration::from_millis(200);
/// At most.
const LONGEST: Duration = Duration::from_secs(10);

/// Waits that double: a client that restarts is found soon, one that is away is left alone.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Backoff {
    /// The next wait.
    pub(super) fn next(&mut self) -> Duration {
        let next = self.0;
        self.0 = (next * 2).min(LONGEST);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_ten_seconds() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..8).map(|_| backoff.next().as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
    }
}
