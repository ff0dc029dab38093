//! Durations as integers.

use std::time::Duration;

/// Nanoseconds, of at most 584 years.
#[inline]
pub(super) const fn nanos(duration: Duration) -> u64 {
    duration.as_secs().wrapping_mul(1_000_000_000).wrapping_add(duration.subsec_nanos() as u64)
}
