//! Numbers that go up and down, with their maximum.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that goes up and down, and its maximum.
///
/// ```
/// use tower_fcgi::stats::{Gauge, Stats};
///
/// fn show(name: &str, gauge: Gauge) -> String {
///     format!("{name}: {} now, {} at most", gauge.current, gauge.max)
/// }
/// let snapshot = Stats::new().snapshot();
/// assert_eq!(show("connections", snapshot.connections.open), "connections: 0 now, 0 at most");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Gauge {
    /// The number now.
    pub current: u64,
    /// The largest number since it is counted.
    pub max: u64,
}

/// A gauge that all threads change. Alone in its cache lines: two of 64 bytes, because processors fetch pairs of them.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct SharedGauge {
    current: AtomicU64,
    max: AtomicU64,
}

impl SharedGauge {
    /// Changes one owner's part of the number.
    #[inline]
    pub(super) fn change(&self, from: u64, to: u64) {
        if from != to {
            self.replace(from, to);
        }
    }

    fn replace(&self, from: u64, to: u64) {
        let change = to.wrapping_sub(from);
        let now = self.current.fetch_add(change, Ordering::Relaxed).wrapping_add(change);
        if to > from {
            self.raise_max(now);
        }
    }

    /// Raises the maximum for an owner's part that is not published in `current`, and may never be.
    #[cfg(any(test, feature = "server"))]
    #[inline]
    pub(super) fn observe(&self, published: u64, now: u64) {
        self.raise_max(self.current.load(Ordering::Relaxed).wrapping_add(now.wrapping_sub(published)));
    }

    #[inline]
    fn raise_max(&self, now: u64) {
        // A load first: it is cheap, because the maximum rarely changes.
        if now > self.max.load(Ordering::Relaxed) {
            self.max.fetch_max(now, Ordering::Relaxed);
        }
    }

    pub(super) fn get(&self) -> Gauge {
        self.get_within(0..=u64::MAX)
    }

    /// The gauge, whose current number is known to be in this range, which is not empty.
    pub(super) fn get_within(&self, known: RangeInclusive<u64>) -> Gauge {
        let current = self.current.load(Ordering::Relaxed).clamp(*known.start(), *known.end());
        // Later snapshots must not have a lower maximum.
        self.raise_max(current);
        Gauge { current, max: self.max.load(Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_maximum_does_not_fall_after_a_number_from_elsewhere() {
        let gauge = SharedGauge::default();
        gauge.change(0, 2);
        assert_eq!(gauge.get_within(5..=7), Gauge { current: 5, max: 5 });
        assert_eq!(gauge.get_within(0..=1), Gauge { current: 1, max: 5 });
        assert_eq!(gauge.get(), Gauge { current: 2, max: 5 });
    }

    #[test]
    fn the_maximum_stays() {
        let gauge = SharedGauge::default();
        gauge.change(0, 3);
        gauge.change(3, 1);
        gauge.change(0, 1);
        assert_eq!(gauge.get(), Gauge { current: 2, max: 3 });
        gauge.observe(1, 4);
        assert_eq!(gauge.get(), Gauge { current: 2, max: 5 });
    }
}
