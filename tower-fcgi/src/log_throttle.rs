//! Limits how often a repeated event is logged.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Limits how often a repeated event is logged: at once, and then at most every 10 s, with the number of events.
///
/// For events that a peer or an overload can repeat without end: a flood of log lines would fill the disk, and hide the other
/// lines. This crate and axum-fcgi use it for theirs.
///
/// ```
/// use tower_fcgi::LogThrottle;
/// static REFUSED: LogThrottle = LogThrottle::new();
/// if let Some(count) = REFUSED.check() {
///     tracing::warn!(count, "connection refused");
/// }
/// assert_eq!(REFUSED.check(), None, "counted, for the next line");
/// ```
pub struct LogThrottle {
    max_lines: u32,
    period: Mutex<Option<Period>>,
}

/// The 10 s that begin with a line.
struct Period {
    start: Instant,
    lines: u32,
    /// Events since the last line.
    suppressed: u64,
}

impl LogThrottle {
    /// The least time between two lines, or between two series of [`with_lines`](Self::with_lines): 10 s.
    pub const INTERVAL: Duration = Duration::from_secs(10);

    /// A throttle that has seen no event.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_lines(1)
    }

    /// A throttle that allows `lines` in 10 s, at least 1: for events that differ, such as one with a path.
    #[must_use]
    pub const fn with_lines(lines: u32) -> Self {
        let max_lines = if lines == 0 { 1 } else { lines };
        Self { max_lines, period: Mutex::new(None) }
    }

    /// Counts an event. `Some` if it may be logged: the number of events since the last line, including this one.
    pub fn check(&self) -> Option<u64> {
        self.check_many(1)
    }

    /// Counts several events at once.
    pub fn check_many(&self, events: u64) -> Option<u64> {
        let mut period = self.period.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let period = period.get_or_insert(Period { start: now, lines: 0, suppressed: 0 });
        if now.duration_since(period.start) >= Self::INTERVAL {
            (period.start, period.lines) = (now, 0);
        }
        let count = period.suppressed.saturating_add(events);
        if period.lines == self.max_lines {
            period.suppressed = count;
            return None;
        }
        period.lines += 1;
        period.suppressed = 0;
        Some(count)
    }
}

impl Default for LogThrottle {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for LogThrottle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogThrottle").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn repeated_events_are_logged_every_10_seconds() {
        let throttle = LogThrottle::new();
        assert_eq!(throttle.check(), Some(1));
        for _ in 0..9 {
            tokio::time::advance(Duration::from_secs(1)).await;
            assert_eq!(throttle.check(), None);
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(throttle.check(), Some(10));
        assert_eq!(throttle.check_many(3), None);
        tokio::time::advance(2 * LogThrottle::INTERVAL).await;
        assert_eq!(throttle.check_many(2), Some(5));
    }

    #[tokio::test(start_paused = true)]
    async fn several_lines_in_a_period() {
        let throttle = LogThrottle::with_lines(3);
        let found = [(); 5].map(|()| throttle.check());
        assert_eq!(found, [Some(1), Some(1), Some(1), None, None]);
        tokio::time::advance(LogThrottle::INTERVAL).await;
        assert_eq!([throttle.check(), throttle.check()], [Some(3), Some(1)]);
        let none = LogThrottle::with_lines(0);
        assert_eq!([none.check(), none.check()], [Some(1), None]);
    }
}
