//! The heartbeat cycle: challenges, answers, misses. (docs/protocol.md, "Host side", rules 3 to 5.)

use std::time::{Duration, Instant};

use super::grid::{SLOT, Slot};
use super::policy::PUT_OFF_MAX;

/// Whether an instance is being challenged.
#[derive(Debug)]
pub(super) enum Heartbeat {
    /// The guest has not asked for it, or stopped answering.
    AwaitingInit,
    /// It is challenged every interval.
    Cycle(Cycle),
}

/// A running cycle.
#[derive(Debug)]
pub(super) struct Cycle {
    pub(super) interval: Duration,
    pub(super) slot: Slot,
    /// A right answer has come since the init.
    pub(super) answered: bool,
    /// A right and healthy one has.
    pub(super) heartbeating: bool,
    pub(super) misses: u32,
    put_off: u32,
    challenge: Challenge,
}

#[derive(Debug)]
enum Challenge {
    AwaitingAnswer {
        value: u32,
        sent: Instant,
        /// When the first challenge of those unanswered in a row was sent.
        silent_since: Instant,
    },
    Answered,
}

/// What a finished interval says of the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It answered.
    Answered,
    /// It had not the whole interval, or the host was stalled: nothing is said of it.
    NotJudged,
    /// It did not answer.
    Missed,
    /// It did not answer once too often; silent since then.
    Over {
        /// When the first challenge without an answer was sent.
        silent_since: Instant,
    },
}

impl Cycle {
    pub(super) fn new(interval: Duration, slot: Slot) -> Self {
        Self {
            interval,
            slot,
            answered: false,
            heartbeating: false,
            misses: 0,
            put_off: 0,
            challenge: Challenge::Answered,
        }
    }

    /// A challenge goes out.
    pub(super) fn challenge(&mut self, now: Instant, value: u32) {
        let silent_since = match self.challenge {
            Challenge::AwaitingAnswer { silent_since, .. } => silent_since,
            Challenge::Answered => now,
        };
        self.challenge = Challenge::AwaitingAnswer { value, sent: now, silent_since };
    }

    /// An answer came; whether it is the one awaited.
    pub(super) fn answer(&mut self, answer: u32) -> bool {
        match self.challenge {
            Challenge::AwaitingAnswer { value, .. } if value == answer => {
                self.challenge = Challenge::Answered;
                self.answered = true;
                self.misses = 0;
                self.put_off = 0;
                true
            }
            _ => false,
        }
    }

    /// The interval ended. `stalled` is when the host last ran late: a challenge sent before that
    /// may lack its answer through the host's fault.
    pub(super) fn interval_over(
        &mut self,
        now: Instant,
        stalled: Option<Instant>,
        threshold: u32,
    ) -> Verdict {
        let Challenge::AwaitingAnswer { sent, silent_since, .. } = self.challenge else {
            return Verdict::Answered;
        };
        if sent + self.interval > now + SLOT.min(self.interval / 8) {
            return Verdict::NotJudged;
        }
        if stalled.is_some_and(|stalled| stalled > sent) && self.put_off < PUT_OFF_MAX {
            self.put_off += 1;
            return Verdict::NotJudged;
        }
        self.misses += 1;
        if self.misses > threshold { Verdict::Over { silent_since } } else { Verdict::Missed }
    }

    /// The end of the next interval after the one that ended at `due`, and how many were skipped
    /// because they are over already.
    pub(super) fn next_due(&self, due: Instant, now: Instant) -> (Instant, u64) {
        let behind = now.saturating_duration_since(due).as_nanos() / self.interval.as_nanos();
        let skipped = u32::try_from(behind).unwrap_or(u32::MAX);
        (due + self.interval * (skipped + 1), skipped.into())
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any instant will do as a start")]
mod tests {
    use super::*;
    use crate::core::grid::Grid;

    const INTERVAL: Duration = Duration::from_secs(1);

    fn challenged(now: Instant) -> Cycle {
        let (slot, _) = Grid::new(now).enter(now, INTERVAL);
        let mut cycle = Cycle::new(INTERVAL, slot);
        cycle.challenge(now, 7);
        cycle
    }

    #[test]
    fn only_the_awaited_value_is_an_answer_and_only_once() {
        let mut cycle = challenged(Instant::now());
        assert!(!cycle.answer(8));
        assert!(cycle.answer(7));
        assert!(!cycle.answer(7));
    }

    #[test]
    fn a_miss_is_forgiven_and_the_next_ends_the_cycle() {
        let start = Instant::now();
        let mut cycle = challenged(start);
        assert_eq!(cycle.interval_over(start + INTERVAL, None, 1), Verdict::Missed);
        cycle.challenge(start + INTERVAL, 8);
        let verdict = cycle.interval_over(start + 2 * INTERVAL, None, 1);
        assert_eq!(verdict, Verdict::Over { silent_since: start });
    }

    #[test]
    fn an_answer_forgives_earlier_misses() {
        let start = Instant::now();
        let mut cycle = challenged(start);
        assert_eq!(cycle.interval_over(start + INTERVAL, None, 1), Verdict::Missed);
        cycle.challenge(start + INTERVAL, 8);
        assert!(cycle.answer(8));
        assert_eq!(cycle.interval_over(start + 2 * INTERVAL, None, 1), Verdict::Answered);
        cycle.challenge(start + 2 * INTERVAL, 9);
        assert_eq!(cycle.interval_over(start + 3 * INTERVAL, None, 1), Verdict::Missed);
    }

    #[test]
    fn a_stalled_host_puts_the_judgement_off_but_not_for_ever() {
        let start = Instant::now();
        let mut cycle = challenged(start);
        let mut now = start;
        for _ in 0..PUT_OFF_MAX {
            now += INTERVAL;
            assert_eq!(cycle.interval_over(now, Some(now), 1), Verdict::NotJudged);
            cycle.challenge(now, 7);
        }
        now += INTERVAL;
        assert_eq!(cycle.interval_over(now, Some(now), 1), Verdict::Missed);
    }

    #[test]
    fn a_first_interval_cut_short_by_the_grid_is_not_judged() {
        let start = Instant::now();
        let mut cycle = challenged(start);
        let early = start + Duration::from_millis(600);
        assert_eq!(cycle.interval_over(early, None, 1), Verdict::NotJudged);
    }

    #[test]
    fn cadence_does_not_drift_and_skips_what_is_over() {
        let start = Instant::now();
        let cycle = challenged(start);
        let late = Duration::from_millis(7);
        assert_eq!(cycle.next_due(start, start + late), (start + INTERVAL, 0));
        let long = Duration::from_millis(10_300);
        assert_eq!(cycle.next_due(start, start + long), (start + 11 * INTERVAL, 10));
    }
}
