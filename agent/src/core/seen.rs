//! Which events of a server were taken already: those that it repeats until they are acknowledged.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use super::policy::{SEEN_IDS_MAX, SEEN_RANGES_MAX};

/// Ids of events that were taken. A server counts its events, so they are kept as ranges: one, and
/// one more for each gap that a lost datagram left.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The first and the last id of each range.
    ranges: BTreeMap<u32, u32>,
    newest: u32,
}

impl Seen {
    /// Whether an event with this id comes for the first time.
    pub(super) fn is_first(&mut self, id: u32) -> bool {
        let before = self.ranges.range(..=id).next_back().map(|(first, last)| (*first, *last));
        if before.is_some_and(|(_, last)| id <= last) {
            return false;
        }
        let joined = before.filter(|(_, last)| last + 1 == id);
        let next = id.checked_add(1).and_then(|next| self.ranges.remove(&next));
        if let Some((first, _)) = joined {
            self.ranges.remove(&first);
        }
        let (first, last) = (joined.map_or(id, |(first, _)| first), next.unwrap_or(id));
        self.ranges.insert(first.max(last.saturating_sub(SEEN_IDS_MAX - 1)), last);
        if id.wrapping_sub(self.newest).cast_signed() > 0 || self.ranges.len() == 1 {
            self.newest = id;
        }
        if self.ranges.len() > SEEN_RANGES_MAX {
            self.forget_oldest();
        }
        true
    }

    /// Counting on from the newest id and beginning again at 0, the first to come is the oldest.
    fn forget_oldest(&mut self) {
        let after = self.ranges.range((Excluded(self.newest), Unbounded)).next();
        let oldest = after.or_else(|| self.ranges.iter().next()).map(|(first, _)| *first);
        if let Some(first) = oldest {
            self.ranges.remove(&first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_id_is_first_once_in_whatever_order() {
        for start in [0_u32, 5, u32::MAX - 500] {
            let mut seen = Seen::default();
            let ids = (0..1000_u32).map(|n| start.wrapping_add(n * 7 % 1000));
            assert!(ids.clone().all(|id| seen.is_first(id)), "{start}");
            assert!(!ids.clone().any(|id| seen.is_first(id)), "{start}");
            assert!(seen.ranges.len() <= 2, "{:?}", seen.ranges);
        }
    }

    #[test]
    fn every_second_of_many_thousands_may_come_late() {
        let mut seen = Seen::default();
        let count = u32::try_from(SEEN_RANGES_MAX).unwrap();
        assert!((0..count).all(|n| seen.is_first(2 * n)));
        assert!(!(0..count).any(|n| seen.is_first(2 * n)));
        assert!((0..count).all(|n| seen.is_first(2 * n + 1)));
    }

    #[test]
    fn of_too_many_gaps_the_oldest_goes() {
        let mut seen = Seen::default();
        let start = u32::MAX - 10_000;
        for n in 0..100_000_u32 {
            assert!(seen.is_first(start.wrapping_add(3 * n)));
        }
        assert_eq!(seen.ranges.len(), SEEN_RANGES_MAX);
        assert!(!(99_000..100_000_u32).any(|n| seen.is_first(start.wrapping_add(3 * n))));
    }

    #[test]
    fn a_server_that_runs_for_years_leaves_room_for_its_next_run() {
        let mut seen = Seen::default();
        for id in 0..1_000_000 {
            assert!(seen.is_first(id));
        }
        assert!(!seen.is_first(990_000));
        assert!(seen.is_first(900_000), "forgotten, and so free for a server that starts again");
    }
}
