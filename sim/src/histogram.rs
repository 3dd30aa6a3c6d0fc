//! Many durations in little memory.

use std::time::Duration;

use serde::Serialize;

/// Width of a bucket: percentiles are exact to this.
const BUCKET: Duration = Duration::from_micros(100);
/// Longer durations are all in the last bucket; mean and maximum know them exactly.
const BUCKETS_MAX: usize = 1_000_000;

/// A set of durations.
#[derive(Debug, Clone, Default)]
pub struct Histogram {
    buckets: Vec<u32>,
    count: u64,
    sum: Duration,
    max: Duration,
}

/// What is worth knowing of a [`Histogram`]. All but `count` are milliseconds; all are 0 if it is
/// empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Stats {
    /// Durations recorded.
    pub count: u64,
    /// Arithmetic mean.
    pub mean_ms: f64,
    /// Half are at most this.
    pub p50_ms: f64,
    /// 99 in 100 are at most this.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Histogram {
    /// Adds a duration.
    pub fn record(&mut self, duration: Duration) {
        let bucket = duration.as_micros() / BUCKET.as_micros();
        let bucket = usize::try_from(bucket).unwrap_or(BUCKETS_MAX).min(BUCKETS_MAX - 1);
        if bucket >= self.buckets.len() {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] = self.buckets[bucket].saturating_add(1);
        self.count += 1;
        self.sum += duration;
        self.max = self.max.max(duration);
    }

    /// Mean, percentiles and maximum.
    pub fn stats(&self) -> Stats {
        if self.count == 0 {
            return Stats::default();
        }
        #[expect(clippy::cast_precision_loss, reason = "a mean for people, of fewer than 2^52")]
        let mean = self.sum.as_secs_f64() / self.count as f64;
        Stats {
            count: self.count,
            mean_ms: round(mean * 1000.0),
            p50_ms: self.percentile(50),
            p99_ms: self.percentile(99),
            max_ms: round(self.max.as_secs_f64() * 1000.0),
        }
    }

    /// The upper end of the bucket below which `percent` of the durations are, but no more than the
    /// longest; the longest if that bucket has no end.
    fn percentile(&self, percent: u64) -> f64 {
        let rank = (self.count * percent).div_ceil(100);
        let mut below = 0;
        let bucket = self.buckets.iter().position(|n| {
            below += u64::from(*n);
            below >= rank
        });
        let upper = bucket
            .filter(|bucket| *bucket < BUCKETS_MAX - 1)
            .and_then(|bucket| u32::try_from(bucket + 1).ok())
            .map(|n| BUCKET * n);
        round(upper.map_or(self.max, |upper| upper.min(self.max)).as_secs_f64() * 1000.0)
    }
}

/// To the microsecond.
fn round(ms: f64) -> f64 {
    (ms * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_to_a_tenth_of_a_millisecond() {
        let mut histogram = Histogram::default();
        for ms in 1..=200 {
            histogram.record(Duration::from_millis(ms));
        }
        let stats = histogram.stats();
        assert_eq!((stats.count, stats.mean_ms, stats.max_ms), (200, 100.5, 200.0));
        assert_eq!((stats.p50_ms, stats.p99_ms), (100.1, 198.1));
    }

    #[test]
    fn nothing_recorded_is_all_zero_and_an_hour_costs_no_more_memory() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.stats(), Stats::default());
        histogram.record(Duration::from_hours(1));
        assert!(histogram.buckets.len() <= BUCKETS_MAX);
        assert!((histogram.stats().p99_ms - 3_600_000.0).abs() < 1e-6);
    }
}
