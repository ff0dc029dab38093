//! Histograms of durations, with fixed exponential buckets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[cfg(feature = "server")]
use super::counts::add;

/// The upper bound of the first bucket, in nanoseconds: 100 µs. Each further one is twice as large.
pub(super) const FIRST: u64 = 100_000;
/// The number of buckets with an upper bound: the last one is 104.9 s.
const BOUNDED: usize = 21;
/// All buckets: the last one has no bound.
const BUCKETS: usize = BOUNDED + 1;

/// How many durations were of which length.
///
/// The upper bounds are 100 µs, 200 µs, 400 µs and so on, each twice the one before, up to 104.9 s; the last bucket has none.
/// They are the same in every version of a release series.
///
/// ```
/// use std::time::Duration;
///
/// use tower_fcgi::stats::{Bucket, Histogram};
///
/// /// How many were not longer than a bound.
/// fn within(histogram: &Histogram, limit: Duration) -> u64 {
///     let is_within = |bucket: &&Bucket| bucket.upper_bound.is_some_and(|bound| bound <= limit);
///     histogram.buckets.iter().take_while(is_within).map(|bucket| bucket.count).sum()
/// }
/// let times = Histogram::default();
/// assert_eq!(within(&times, Duration::from_secs(1)), 0);
/// assert_eq!(times.quantile(0.99), None);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Histogram {
    /// The number of durations.
    pub count: u64,
    /// Their sum. Serialized in seconds.
    #[cfg_attr(feature = "serde", serde(with = "super::seconds"))]
    pub sum: Duration,
    /// The buckets, from the shortest to the longest durations.
    pub buckets: Vec<Bucket>,
}

/// One bucket of a [`Histogram`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Bucket {
    /// The longest duration in it. `None`: without limit. Serialized in seconds.
    #[cfg_attr(feature = "serde", serde(with = "super::seconds::option"))]
    pub upper_bound: Option<Duration>,
    /// The number of durations that are longer than the bound of the bucket before, and not longer than this bound. Not
    /// cumulative.
    pub count: u64,
}

impl Histogram {
    /// The upper bounds of the buckets, without the last one, which has none.
    pub fn upper_bounds() -> impl Iterator<Item = Duration> {
        (0..BOUNDED).map(|bucket| Duration::from_nanos(FIRST << bucket))
    }

    /// The mean of the durations. `None` if there are none.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        let nanos = self.sum.as_nanos().checked_div(self.count.into())?;
        Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }

    /// The upper bound of the bucket with the `quantile` of the durations, from 0 to 1. `None` if there are no durations, or
    /// that bucket has no bound.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        let rank = (quantile.clamp(0.0, 1.0) * self.count as f64).ceil().max(1.0);
        let mut below = 0;
        let bucket = self.buckets.iter().find(|bucket| {
            below += bucket.count;
            below as f64 >= rank
        });
        bucket?.upper_bound
    }
}

/// The bucket of a duration.
#[inline]
const fn bucket(nanos: u64) -> usize {
    let bits = u64::BITS - (nanos.saturating_sub(1) / FIRST).leading_zeros();
    let bucket = bits as usize;
    if bucket < BUCKETS { bucket } else { BOUNDED }
}

/// A duration, and its bucket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    nanos: u64,
    bucket: usize,
}

impl Measured {
    #[inline]
    pub(super) const fn new(nanos: u64) -> Self {
        Self { nanos, bucket: bucket(nanos) }
    }
}

/// A histogram that any thread reads.
#[derive(Debug)]
pub(super) struct Recorded {
    buckets: [AtomicU64; BUCKETS],
    /// Nanoseconds.
    sum: AtomicU64,
}

impl Recorded {
    pub(super) const fn new() -> Self {
        Self { buckets: [const { AtomicU64::new(0) }; BUCKETS], sum: AtomicU64::new(0) }
    }

    /// Records for any thread.
    #[cfg(feature = "client")]
    pub(super) fn record_shared(&self, measured: Measured) {
        if let Some(counter) = self.buckets.get(measured.bucket) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(measured.nanos, Ordering::Relaxed);
    }

    /// Records for the only thread that writes.
    #[cfg(feature = "server")]
    #[inline]
    pub(super) fn record(&self, measured: Measured) {
        if let Some(counter) = self.buckets.get(measured.bucket) {
            add(counter, 1);
        }
        add(&self.sum, measured.nanos);
    }
}

/// The sum of the histograms of all threads. `shortest`: the number and the sum of durations that were counted elsewhere, all in
/// the first bucket.
pub(super) fn sum<'a>(
    recorded: impl Iterator<Item = &'a Recorded>,
    (shortest, shortest_sum): (u64, Duration),
) -> Histogram {
    let (mut counts, mut nanos) = ([0_u64; BUCKETS], 0_u64);
    for histogram in recorded {
        for (count, counter) in counts.iter_mut().zip(&histogram.buckets) {
            *count += counter.load(Ordering::Relaxed);
        }
        nanos = nanos.saturating_add(histogram.sum.load(Ordering::Relaxed));
    }
    if let Some(first) = counts.first_mut() {
        *first += shortest;
    }
    let sum = Duration::from_nanos(nanos).saturating_add(shortest_sum);
    let bounds = Histogram::upper_bounds().map(Some).chain([None]);
    let buckets: Vec<_> =
        bounds.zip(counts).map(|(upper_bound, count)| Bucket { upper_bound, count }).collect();
    Histogram { count: counts.iter().sum(), sum, buckets }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive_and_double() {
        let bounds: Vec<_> = Histogram::upper_bounds().collect();
        assert_eq!(bounds.first(), Some(&Duration::from_micros(100)));
        assert_eq!(bounds.last(), Some(&Duration::from_nanos(104_857_600_000)));
        for (index, bound) in bounds.iter().enumerate() {
            let nanos = u64::try_from(bound.as_nanos()).unwrap();
            assert_eq!(bucket(nanos), index, "{bound:?}");
            assert_eq!(bucket(nanos + 1), index + 1, "{bound:?}");
        }
        assert_eq!(bucket(0), 0);
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn the_threads_are_added_up() {
        let (one, other) = (Recorded::new(), Recorded::new());
        one.record(Measured::new(100_000));
        one.record(Measured::new(300_000));
        other.record(Measured::new(300_000_000_000));
        let histogram = sum([&one, &other].into_iter(), (0, Duration::ZERO));
        assert_eq!(histogram.count, 3);
        assert_eq!(histogram.sum, Duration::from_nanos(300_000_400_000));
        let counts: Vec<_> = histogram.buckets.iter().map(|bucket| bucket.count).collect();
        assert_eq!(counts[..4], [1, 0, 1, 0]);
        assert_eq!(counts[BUCKETS - 1], 1);
        assert_eq!(histogram.buckets[BUCKETS - 1].upper_bound, None);
        assert_eq!(histogram.mean(), Some(Duration::from_nanos(100_000_133_333)));
    }

    #[test]
    fn a_quantile_is_the_bound_of_its_bucket() {
        let recorded = Recorded::new();
        for _ in 0..99 {
            recorded.record(Measured::new(1));
        }
        recorded.record(Measured::new(1_000_000));
        let histogram = sum([&recorded].into_iter(), (0, Duration::ZERO));
        for (quantile, bound) in [(0.0, 100), (0.5, 100), (0.99, 100), (0.995, 1600), (1.0, 1600)] {
            assert_eq!(histogram.quantile(quantile), Some(Duration::from_micros(bound)), "{quantile}");
        }
        assert_eq!(Histogram::default().quantile(0.5), None);
        assert_eq!(Histogram::default().mean(), None);
    }
}
