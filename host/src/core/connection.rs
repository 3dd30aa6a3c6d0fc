//! When to connect to a channel, and when again.
//!
//! At once when its file appears; a few more times within 50 ms, since the file exists before QEMU
//! listens; then after 1, 2, 4, ... 60 s. (docs/protocol.md, "Host side", rule 1.)

use std::time::{Duration, Instant};

use protocol::Random;

/// Why a connection could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// There is no file.
    #[error("the file is gone")]
    Gone,
    /// Nobody listens, or its queue is full.
    #[error("nobody serves it (QEMU not listening yet, or ended without removing its socket)")]
    Refused,
    /// No right to connect.
    #[error(
        "permission denied: let guestServer's user write to the socket (group of libvirt's sockets)"
    )]
    Denied,
    /// The process has no descriptor left.
    #[error("no descriptor left: raise the limit of open files")]
    NoDescriptor,
    /// Anything else: the error number.
    #[error("{}", std::io::Error::from_raw_os_error(*.0))]
    Other(i32),
}

const QUICK: [Duration; 4] = [
    Duration::from_millis(1),
    Duration::from_millis(4),
    Duration::from_millis(10),
    Duration::from_millis(30),
];
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// A connection shorter than this is a failure too: it does not start the waits afresh.
const SHORT: Duration = Duration::from_secs(1);

/// The state of an instance's connection.
#[derive(Debug)]
pub(super) enum Connection {
    /// No file, or waiting for the next attempt.
    Down,
    /// Connected.
    Up {
        /// Since when.
        since: Instant,
        /// Whether anything was sent on it.
        greeted: bool,
        /// The invocation id of the last init that was taken on it.
        accepted: Option<u32>,
    },
}

impl Connection {
    pub(super) fn is_up(&self) -> bool {
        matches!(self, Self::Up { .. })
    }

    /// The invocation id of the accepted init.
    pub(super) fn accepted(&self) -> Option<u32> {
        match self {
            Self::Up { accepted, .. } => *accepted,
            Self::Down => None,
        }
    }
}

/// Counts attempts and says how long to wait before the next.
#[derive(Debug, Default)]
pub(super) struct Attempts(u32);

impl Attempts {
    /// Starts afresh: the file is new, or someone asked for it.
    pub(super) fn reset(&mut self) {
        self.0 = 0;
    }

    /// Leaves out the quick attempts.
    pub(super) fn skip_quick(&mut self) {
        self.0 = self.0.max(count(QUICK.len()));
    }

    /// A connection ended: how long to wait before the next attempt.
    pub(super) fn after_close(&mut self, lasted: Duration, random: &mut Random) -> Duration {
        if lasted >= SHORT {
            self.reset();
            return Duration::ZERO;
        }
        self.skip_quick();
        self.after_failure(random)
    }

    /// An attempt failed: how long to wait before the next. Longer waits are up to a tenth shorter,
    /// so that many that wait do not come at once.
    pub(super) fn after_failure(&mut self, random: &mut Random) -> Duration {
        let attempt = self.0;
        self.0 = self.0.saturating_add(1);
        if let Some(wait) = QUICK.get(attempt as usize) {
            return *wait;
        }
        let doublings = (attempt - count(QUICK.len())).min(6);
        let wait = (FIRST_WAIT * (1 << doublings)).min(LONGEST_WAIT);
        wait.saturating_sub(wait / 10 * (random() % 100) / 100)
    }

    /// Whether the quick attempts have all failed.
    pub(super) fn quick_ones_failed(&self) -> bool {
        self.0 > count(QUICK.len())
    }

    /// Whether that has just become clear: worth a line in the log, once.
    pub(super) fn quick_ones_just_failed(&self) -> bool {
        self.0 == count(QUICK.len()) + 1
    }
}

fn count(items: usize) -> u32 {
    u32::try_from(items).expect("a handful")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_quick_attempts_then_1_2_4_up_to_60_seconds() {
        let mut random: Random = Box::new(|| 0);
        let mut attempts = Attempts::default();
        let mut waits = || attempts.after_failure(&mut random).as_millis();
        assert_eq!([waits(), waits(), waits(), waits()], [1, 4, 10, 30]);
        assert_eq!([waits(), waits(), waits()], [1000, 2000, 4000]);
        assert_eq!([waits(), waits(), waits(), waits()], [8000, 16000, 32000, 60000]);
        for _ in 0..1000 {
            assert_eq!(waits(), 60000);
        }
    }

    #[test]
    fn many_that_wait_are_spread() {
        let mut random: Random = Box::new(|| 99);
        let mut attempts = Attempts::default();
        attempts.skip_quick();
        assert_eq!(attempts.after_failure(&mut random).as_millis(), 901);
    }

    #[test]
    fn a_connection_that_ends_at_once_counts_as_a_failure() {
        let mut random: Random = Box::new(|| 0);
        let mut attempts = Attempts::default();
        assert_eq!(attempts.after_close(Duration::ZERO, &mut random).as_secs(), 1);
        assert_eq!(attempts.after_close(Duration::ZERO, &mut random).as_secs(), 2);
        assert_eq!(attempts.after_close(Duration::from_secs(1), &mut random), Duration::ZERO);
    }
}
