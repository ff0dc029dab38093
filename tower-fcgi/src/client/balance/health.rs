//! Whether an application is available.
//!
//! ```text
//!   Available, Failing ──── failed ───────────────────────────────▶ Failing
//!   Available, Failing ──── failed, max_fails within fail_timeout ▶ Unavailable
//!   Unavailable, Tried ──── begin, if due ────────────────────────▶ Tried
//!   Tried ───────────────── the trial ends without a result ──────▶ Unavailable, until fail_timeout after it began
//!   Unavailable, Tried ──── failed ───────────────────────────────▶ Unavailable, for fail_timeout from now
//!   Unavailable, Tried ──── succeeded ────────────────────────────▶ Available
//! ```
//!
//! An unavailable application gets one request when `retry_at` is over. The next one follows `fail_timeout` later, but while the
//! first waits, not before that has had the time for its head.

use std::time::Duration;

use tokio::time::Instant;

use crate::client::timeouts::never;

/// How many failures in which time make an application unavailable, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct FailureLimit {
    pub(super) max_fails: u32,
    pub(super) fail_timeout: Duration,
    /// How long the head of a response may take before that is a failure.
    pub(super) max_head_wait: Option<Duration>,
}

/// What is known of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    Available,
    /// Available, but `fails` failures were counted since `since`.
    Failing {
        fails: u32,
        since: Instant,
    },
    /// Gets no request before `retry_at`, unless all are unavailable.
    Unavailable {
        retry_at: Instant,
    },
    /// As unavailable, while a request tries it.
    Tried {
        began: Instant,
        retry_at: Instant,
    },
}

impl Health {
    /// When the application is available again, if it is not.
    pub(super) const fn retry_at(self) -> Option<Instant> {
        match self {
            Self::Available | Self::Failing { .. } => None,
            Self::Unavailable { retry_at } | Self::Tried { retry_at, .. } => Some(retry_at),
        }
    }

    /// Begins a request. Returns whether it tries an unavailable application: the first one after `retry_at`. The others do not
    /// wait for it.
    pub(super) fn begin(&mut self, now: Instant, limit: FailureLimit) -> bool {
        let is_due = self.retry_at().is_some_and(|retry_at| now >= retry_at);
        if is_due {
            let retry = limit.fail_timeout.max(limit.max_head_wait.unwrap_or_default());
            *self = Self::Tried { began: now, retry_at: later(now, retry) };
        }
        is_due
    }

    /// Handles the end of a trial that began then. If it had a result, that was handled before.
    pub(super) fn trial_ended(&mut self, trial: Instant, limit: FailureLimit) {
        if let Self::Tried { began, .. } = *self
            && began == trial
        {
            *self = Self::Unavailable { retry_at: later(began, limit.fail_timeout) };
        }
    }

    /// Handles a response.
    pub(super) const fn succeeded(&mut self) {
        if let Self::Unavailable { .. } | Self::Tried { .. } = self {
            *self = Self::Available;
        }
    }

    /// Handles a failure.
    pub(super) fn failed(&mut self, now: Instant, limit: FailureLimit) {
        let (fails, since) = match *self {
            Self::Failing { fails, since } if now - since <= limit.fail_timeout => (fails + 1, since),
            Self::Available | Self::Failing { .. } => (1, now),
            Self::Unavailable { .. } | Self::Tried { .. } => (limit.max_fails, now),
        };
        *self = if limit.max_fails != 0 && fails >= limit.max_fails {
            Self::Unavailable { retry_at: later(now, limit.fail_timeout) }
        } else {
            Self::Failing { fails, since }
        };
    }
}

/// `now` and this time; a time that is too long to count never ends.
fn later(now: Instant, time: Duration) -> Instant {
    now.checked_add(time).unwrap_or_else(never)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const LIMIT: FailureLimit =
        FailureLimit { max_fails: 2, fail_timeout: Duration::from_secs(10), max_head_wait: None };

    #[test]
    fn failures_within_the_time_make_it_unavailable() {
        let start = Instant::now();
        let mut health = Health::Available;
        health.failed(start, LIMIT);
        health.succeeded();
        assert_eq!(health, Health::Failing { fails: 1, since: start });
        health.failed(start + 11 * SECOND, LIMIT);
        assert_eq!(health, Health::Failing { fails: 1, since: start + 11 * SECOND });
        health.failed(start + 20 * SECOND, LIMIT);
        assert_eq!(health.retry_at(), Some(start + 30 * SECOND));
    }

    #[test]
    fn an_unavailable_one_is_tried_with_one_request() {
        let start = Instant::now();
        let mut health = Health::Unavailable { retry_at: start };
        assert!(!health.begin(start - SECOND, LIMIT));
        assert_eq!(health.retry_at(), Some(start), "it is not due");
        assert!(health.begin(start, LIMIT));
        assert_eq!(health.retry_at(), Some(start + 10 * SECOND), "others do not wait for it");
        health.failed(start + SECOND, LIMIT);
        assert_eq!(health.retry_at(), Some(start + 11 * SECOND));
        health.succeeded();
        assert_eq!(health, Health::Available);
    }

    #[test]
    fn the_one_request_has_time_for_its_head() {
        let start = Instant::now();
        let mut health = Health::Unavailable { retry_at: start };
        health.begin(start, FailureLimit { max_head_wait: Some(30 * SECOND), ..LIMIT });
        assert_eq!(health.retry_at(), Some(start + 30 * SECOND));
    }

    #[test]
    fn only_the_last_trial_ends_without_a_result() {
        let start = Instant::now();
        let limit = FailureLimit { max_head_wait: Some(30 * SECOND), ..LIMIT };
        let mut health = Health::Unavailable { retry_at: start };
        assert!(health.begin(start, limit) && health.begin(start + 30 * SECOND, limit));
        health.trial_ended(start, limit);
        assert_eq!(health.retry_at(), Some(start + 60 * SECOND), "another request tries it");
        health.trial_ended(start + 30 * SECOND, limit);
        assert_eq!(health, Health::Unavailable { retry_at: start + 40 * SECOND });
        health.succeeded();
        health.trial_ended(start + 30 * SECOND, limit);
        assert_eq!(health, Health::Available);
    }

    #[test]
    fn a_time_without_end_does_not_overflow() {
        let now = Instant::now();
        let limit =
            FailureLimit { max_fails: 1, fail_timeout: Duration::MAX, max_head_wait: Some(Duration::MAX) };
        let mut health = Health::Unavailable { retry_at: now };
        health.begin(now, limit);
        assert!(health.retry_at() > Some(now + SECOND));
        health.failed(now, limit);
        assert!(health.retry_at() > Some(now + SECOND));
    }

    #[test]
    fn with_0_failures_do_not_count() {
        let (mut health, limit) = (Health::Available, FailureLimit { max_fails: 0, ..LIMIT });
        for _ in 0..3 {
            health.failed(Instant::now(), limit);
            assert_eq!(health.retry_at(), None);
        }
    }
}
