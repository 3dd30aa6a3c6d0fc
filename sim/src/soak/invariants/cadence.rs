//! Challenges come once an interval, at the same phase from the first full interval on.

use std::time::{Duration, Instant};

use super::{Checker, Verdict, violated};
use crate::world::World;

/// A server that is driven later than this is not judged by its cadence.
const ON_TIME: Duration = Duration::from_millis(20);

/// The challenges of one heartbeat cycle.
#[derive(Debug, Default)]
pub(super) struct Cadence {
    /// Challenges seen since the cycle began.
    count: u64,
    last: Option<Instant>,
    last_late: Duration,
    /// When the deadline of the last challenge may have been: no earlier and no later than these.
    window: Option<(Instant, Instant)>,
}

impl Cadence {
    /// A cycle begins or ends: the next challenge is its first.
    pub(super) fn begin(&mut self) {
        *self = Self::default();
    }

    /// A challenge; what is wrong with it.
    fn challenge(&mut self, now: Instant, late: Duration, interval: Duration) -> Option<String> {
        self.count += 1;
        let last = self.last.replace(now);
        let last_late = std::mem::replace(&mut self.last_late, late);
        let (last, earliest) = (last?, before(now, late));
        if now == last {
            return Some("two at once".to_owned());
        }
        if self.count < 3 {
            // The first interval is cut short by the grid.
            self.window = (late <= ON_TIME).then_some((earliest, now));
            return (now > last + interval + late.max(ON_TIME) && late <= ON_TIME)
                .then(|| format!("the first interval lasted {:?}", now - last));
        }
        if late > ON_TIME || last_late > ON_TIME {
            return None;
        }
        let gap = now - last;
        if gap + last_late < interval || gap > interval + late {
            return Some(format!("the last was {gap:?} ago"));
        }
        self.drift(earliest, now, interval)
    }

    /// The deadline was between `earliest` and `now`.
    fn drift(&mut self, earliest: Instant, now: Instant, interval: Duration) -> Option<String> {
        let (mut low, mut high) = self.window.unwrap_or((earliest, now));
        let ahead = (now.saturating_duration_since(low)).as_nanos() / interval.as_nanos();
        let ahead = u32::try_from(ahead).unwrap_or(0);
        (low, high) = (low + interval * ahead, high + interval * ahead);
        let (low, high) = (low.max(earliest), high.min(now));
        self.window = Some((low, high));
        (low > high).then(|| format!("drifted by {:?}", low - high))
    }
}

fn before(now: Instant, late: Duration) -> Instant {
    now.checked_sub(late).expect("no deadline is before the beginning")
}

impl Checker {
    pub(super) fn challenge(&mut self, world: &World, number: usize, late: Duration) -> Verdict {
        let (now, interval) = (world.now(), world.instances()[number].config().interval);
        let guest = &mut self.guests[number];
        guest.last_challenge = Some(now);
        match guest.cadence.challenge(now, late, interval) {
            None => Ok(()),
            Some(why) => violated(
                number,
                format!("challenges come once an interval of {interval:?}, without drift: {why}"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(1);

    /// Challenges at these milliseconds, each so much late; what is wrong with the last.
    fn judge(challenges: &[(u64, u64)]) -> Option<String> {
        let begin = crate::clock::now();
        let mut cadence = Cadence::default();
        let mut wrong = None;
        for (at, late) in challenges {
            assert_eq!(wrong, None);
            let now = begin + Duration::from_millis(*at);
            wrong = cadence.challenge(now, Duration::from_millis(*late), INTERVAL);
        }
        wrong
    }

    #[test]
    fn a_short_first_interval_and_late_wake_ups_are_in_order() {
        assert_eq!(judge(&[(0, 0), (300, 0), (1301, 2), (2300, 1), (3310, 10)]), None);
    }

    #[test]
    fn a_stall_puts_no_challenge_out_of_phase() {
        assert_eq!(judge(&[(0, 0), (300, 0), (1300, 0), (9700, 7400), (10_300, 0)]), None);
        let wrong = judge(&[(0, 0), (300, 0), (1300, 0), (9700, 7400), (10_700, 0), (11_700, 0)]);
        assert!(wrong.unwrap().starts_with("drifted"));
    }

    #[test]
    fn too_soon_too_late_twice_and_drifting_are_found() {
        for (challenges, why) in [
            ([(0, 0), (300, 0), (1200, 0)].as_slice(), "the last was 900ms ago"),
            (&[(0, 0), (300, 0), (1400, 0)], "the last was 1.1s ago"),
            (&[(0, 0), (300, 0), (300, 0)], "two at once"),
            (&[(0, 0), (1100, 0)], "the first interval lasted 1.1s"),
            (&[(0, 0), (300, 0), (1310, 10), (2315, 10)], "drifted by 5ms"),
        ] {
            assert_eq!(judge(challenges).as_deref(), Some(why));
        }
    }
}
