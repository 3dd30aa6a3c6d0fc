//! Lets guests be due together: a wake-up costs more than the heartbeats done in it.
//!
//! Heartbeat cycles begin on a grid of 50 ms. Of the last slots before the first interval ends, up
//! to 20, the one with the fewest cycles is taken, so that guests that start together do not all
//! land in one.

use std::time::{Duration, Instant};

/// Distance of two slots.
pub(super) const SLOT: Duration = Duration::from_millis(SLOT_MS);
const SLOT_MS: u64 = 50;
const SLOTS: usize = 20;

/// How many cycles began in each slot of a second.
#[derive(Debug)]
pub(super) struct Grid {
    epoch: Instant,
    load: [u32; SLOTS],
}

/// A cycle's place on the grid; given back when the cycle ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Slot(usize);

impl Grid {
    pub(super) fn new(epoch: Instant) -> Self {
        Self { epoch, load: [0; SLOTS] }
    }

    /// The end of the first interval of a cycle that starts now: after `now`, at most `interval`
    /// from it, and on the grid if that has a slot so soon.
    pub(super) fn enter(&mut self, now: Instant, interval: Duration) -> (Slot, Instant) {
        let last = slots(now + interval - self.epoch);
        let choices = slots(interval).clamp(1, SLOTS);
        let number = (0..choices)
            .map(|back| last - back)
            .min_by_key(|number| self.load[number % SLOTS])
            .unwrap_or(last);
        self.load[number % SLOTS] += 1;
        let due = self.epoch + Duration::from_millis(number as u64 * SLOT_MS);
        // An interval shorter than a slot may end before the next one.
        let due = if due > now { due } else { now + interval };
        (Slot(number % SLOTS), due)
    }

    pub(super) fn leave(&mut self, slot: &Slot) {
        self.load[slot.0] -= 1;
    }
}

fn slots(time: Duration) -> usize {
    usize::try_from(time.as_millis() / SLOT.as_millis()).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any instant will do as an epoch")]
mod tests {
    use super::*;

    #[test]
    fn guests_that_start_together_spread_over_a_second() {
        let epoch = Instant::now();
        let mut grid = Grid::new(epoch);
        let now = epoch + Duration::from_millis(123);
        let interval = Duration::from_secs(1);
        for _ in 0..200 {
            let (_, due) = grid.enter(now, interval);
            assert!(due > now && due <= now + interval);
            assert_eq!((due - epoch).as_nanos() % SLOT.as_nanos(), 0);
        }
        assert_eq!(grid.load, [10; SLOTS]);
    }

    #[test]
    fn a_lone_guest_gets_all_but_one_slot_of_its_interval() {
        let epoch = Instant::now();
        let mut grid = Grid::new(epoch);
        for offset in [0, 49, 50, 51, 777] {
            let now = epoch + Duration::from_millis(offset);
            let (slot, due) = grid.enter(now, Duration::from_millis(400));
            assert!(due - now > Duration::from_millis(350), "{:?}", due - now);
            grid.leave(&slot);
        }
        assert_eq!(grid.load, [0; SLOTS]);
    }

    #[test]
    fn a_long_interval_ends_within_its_last_second() {
        let epoch = Instant::now();
        let mut grid = Grid::new(epoch);
        for _ in 0..40 {
            let (_, due) = grid.enter(epoch, Duration::from_mins(10));
            assert!(due > epoch + Duration::from_secs(599));
        }
    }
}
