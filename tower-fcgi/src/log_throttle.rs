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
#[derive(Default)]
pub struct LogThrottle(Mutex<Option<LastLine>>);

struct LastLine {
    at: Instant,
    /// Events since then.
    suppressed: u64,
}

impl LogThrottle {
    /// The least time between two lines: 10 s.
    pub const INTERVAL: Duration = Duration::from_secs(10);

    /// A throttle that has seen no event.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Counts an event. `Some` if it may be logged: the number of events since the last line, including this one.
    pub fn check(&self) -> Option<u64> {
        self.check_many(1)
    }

    /// Counts several events at once.
    pub fn check_many(&self, events: u64) -> Option<u64> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_mut().filter(|last| last.at.elapsed() < Self::INTERVAL) {
            last.suppressed = last.suppressed.saturating_add(events);
            return None;
        }
        let line = LastLine { at: Instant::now(), suppressed: 0 };
        Some(last.replace(line).map_or(events, |last| last.suppressed.saturating_add(events)))
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
}
