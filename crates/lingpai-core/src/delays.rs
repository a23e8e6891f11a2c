//! How long things take, counted in buckets: a few atomic words that any thread adds to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the buckets, in milliseconds. What took longer than the last is counted in the last of all.
pub const BOUNDS_MS: [u64; 11] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000];

/// Counts delays.
#[derive(Debug, Default)]
pub struct Delays {
    buckets: [AtomicU64; BOUNDS_MS.len() + 1],
    sum_ms: AtomicU64,
}

/// The delays so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// How many fell into each bucket of [`BOUNDS_MS`]; the last is for those above all bounds.
    pub buckets: [u64; BOUNDS_MS.len() + 1],
    /// All of them together.
    pub sum: Duration,
}

impl Delays {
    /// Adds one.
    pub fn count(&self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_MS.iter().position(|bound| millis <= *bound);
        self.buckets[bucket.unwrap_or(BOUNDS_MS.len())].fetch_add(1, Ordering::Relaxed);
        self.sum_ms.fetch_add(millis, Ordering::Relaxed);
    }

    /// Those so far.
    pub fn so_far(&self) -> Histogram {
        Histogram {
            buckets: self.buckets.each_ref().map(|bucket| bucket.load(Ordering::Relaxed)),
            sum: Duration::from_millis(self.sum_ms.load(Ordering::Relaxed)),
        }
    }
}

impl Histogram {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The bound that this share of them (0 to 1) did not exceed. None if there were none, or if they exceeded every bound.
    pub fn within(&self, share: f64) -> Option<Duration> {
        let wanted = self.count() as f64 * share;
        let mut below = 0;
        let found = self.buckets.iter().zip(BOUNDS_MS).find(|(count, _)| {
            below += **count;
            below > 0 && below as f64 >= wanted
        });
        found.map(|(_, bound)| Duration::from_millis(bound))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_delays_is_within_a_bound() {
        let delays = Delays::default();
        assert_eq!(delays.so_far().within(0.5), None);
        for millis in [0, 1, 2, 40] {
            delays.count(Duration::from_millis(millis));
        }
        let so_far = delays.so_far();
        assert_eq!((so_far.count(), so_far.sum), (4, Duration::from_millis(43)));
        assert_eq!(so_far.within(0.5), Some(Duration::from_millis(1)));
        assert_eq!(so_far.within(0.99), Some(Duration::from_millis(50)));
        delays.count(Duration::from_mins(1));
        assert_eq!(delays.so_far().within(1.0), None);
    }
}
