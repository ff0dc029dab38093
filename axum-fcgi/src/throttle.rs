//! Limits how many log lines a repeated event writes.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The period for which lines are counted.
const PERIOD: Duration = Duration::from_secs(10);

/// Allows a number of lines in each 10 seconds.
#[derive(Debug)]
pub(crate) struct Throttle {
    max_lines: NonZeroU32,
    period: Mutex<Option<Period>>,
}

#[derive(Debug)]
struct Period {
    start: Instant,
    lines: u32,
    /// Events that were not logged since the last line.
    suppressed: u64,
}

impl Throttle {
    pub(crate) const fn new(max_lines: NonZeroU32) -> Self {
        Self { max_lines, period: Mutex::new(None) }
    }

    /// Counts an event. `Some` if it may be logged: the number of events suppressed since the last line.
    pub(crate) fn check(&self) -> Option<u64> {
        let mut guard = self.period.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let period = guard.get_or_insert(Period { start: now, lines: 0, suppressed: 0 });
        if now.duration_since(period.start) >= PERIOD {
            (period.start, period.lines) = (now, 0);
        }
        if period.lines == self.max_lines.get() {
            period.suppressed += 1;
            return None;
        }
        period.lines += 1;
        Some(std::mem::take(&mut period.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn repeated_errors_are_logged_every_10_seconds() {
        let throttle = Throttle::new(NonZeroU32::MIN);
        assert_eq!(throttle.check(), Some(0));
        for _ in 0..9 {
            tokio::time::advance(Duration::from_secs(1)).await;
            assert_eq!(throttle.check(), None);
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(throttle.check(), Some(9));
        assert_eq!(throttle.check(), None);
        tokio::time::advance(2 * PERIOD).await;
        assert_eq!(throttle.check(), Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn several_lines_in_a_period() {
        let throttle = Throttle::new(NonZeroU32::new(3).unwrap());
        let found = [(); 5].map(|()| throttle.check());
        assert_eq!(found, [Some(0), Some(0), Some(0), None, None]);
        tokio::time::advance(PERIOD).await;
        assert_eq!([throttle.check(), throttle.check()], [Some(2), Some(0)]);
    }
}
