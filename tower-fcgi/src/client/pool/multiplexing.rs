//! Whether an application multiplexes: takes several requests on a connection (FastCGI §4.1).
//!
//! ```text
//!   Unknown ────────────── begin_probe ────────────▶ Probing
//!   Failed, OneAtATime ─── begin_probe, if due ────▶ Probing
//!   Probing ────────────── NotSent ────────────────▶ Unknown, or Failed after a failure
//!   Probing ────────────── Unreachable, TimedOut ──▶ Failed
//!   any state ──────────── Replied (no) ───────────▶ OneAtATime
//!   any state ──────────── Replied (yes) ──────────▶ Several
//! ```
//!
//! A reply counts in every state: it may arrive late, and a rejected request (CANT_MPX_CONN) counts as one.

use std::time::Duration;

use tokio::time::Instant;

use crate::client::probe::ProbeOutcome;

/// Time until an application that takes one request at a time is probed again: it may have been replaced. Also the
/// longest pause after failed probes.
const PROBE_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// Whether an application takes several requests on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Multiplexing {
    /// The application was not probed.
    Unknown,
    /// A probe is wanted or outstanding, after `failures` consecutive failed ones.
    Probing { failures: u32 },
    /// The last `failures` probes have failed. The next one is due at `retry_at`.
    Failed { failures: u32, retry_at: Instant },
    /// The application takes one request at a time. The next probe is due at `retry_at`.
    OneAtATime { retry_at: Instant },
    /// The application takes several requests.
    Several,
}

impl Multiplexing {
    /// Whether the caller has to probe the application now.
    pub(super) fn begin_probe(&mut self, now: Instant) -> bool {
        let failures = match *self {
            Self::Unknown => 0,
            Self::Failed { failures, retry_at } if now >= retry_at => failures,
            Self::OneAtATime { retry_at } if now >= retry_at => 0,
            Self::Probing { .. } | Self::Failed { .. } | Self::OneAtATime { .. } | Self::Several => {
                return false;
            }
        };
        *self = Self::Probing { failures };
        true
    }

    /// Handles the outcome of a probe.
    pub(super) fn end_probe(&mut self, outcome: ProbeOutcome, now: Instant) {
        match (outcome, *self) {
            (ProbeOutcome::Replied { multiplexes: true }, _) => *self = Self::Several,
            (ProbeOutcome::Replied { multiplexes: false }, _) => {
                *self = Self::OneAtATime { retry_at: now + PROBE_INTERVAL };
            }
            (ProbeOutcome::NotSent, Self::Probing { failures: 0 }) => *self = Self::Unknown,
            (ProbeOutcome::NotSent, Self::Probing { failures }) => {
                *self = Self::Failed { failures, retry_at: now };
            }
            (ProbeOutcome::Unreachable, Self::Probing { failures }) => {
                *self = Self::failed(failures, Duration::from_secs(1), now);
            }
            (ProbeOutcome::TimedOut, Self::Probing { failures }) => {
                // A longer pause: each probe without a reply occupies a process of the application for a second.
                *self = Self::failed(failures, Duration::from_secs(10), now);
            }
            (ProbeOutcome::NotSent | ProbeOutcome::Unreachable | ProbeOutcome::TimedOut, _) => {}
        }
    }

    /// The state after another failure. The pause doubles with each, from `first_pause`.
    fn failed(failures: u32, first_pause: Duration, now: Instant) -> Self {
        let pause = first_pause.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX));
        Self::Failed { failures: failures.saturating_add(1), retry_at: now + pause.min(PROBE_INTERVAL) }
    }

    /// Whether the application is known to take several requests.
    pub(super) const fn is_several(self) -> bool {
        matches!(self, Self::Several)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YES: ProbeOutcome = ProbeOutcome::Replied { multiplexes: true };
    const NO: ProbeOutcome = ProbeOutcome::Replied { multiplexes: false };
    const SECOND: Duration = Duration::from_secs(1);

    fn all(now: Instant) -> [Multiplexing; 6] {
        let failed = Multiplexing::Failed { failures: 2, retry_at: now };
        let probing = [0, 2].map(|failures| Multiplexing::Probing { failures });
        let [first, again] = probing;
        [
            Multiplexing::Unknown,
            first,
            again,
            failed,
            Multiplexing::OneAtATime { retry_at: now },
            Multiplexing::Several,
        ]
    }

    /// The states that `outcome` leads to from each of `all`.
    fn after(outcome: ProbeOutcome, now: Instant) -> [Multiplexing; 6] {
        all(now).map(|mut state| {
            state.end_probe(outcome, now);
            state
        })
    }

    #[test]
    fn a_probe_begins_when_it_is_due() {
        let now = Instant::now();
        for (time, due) in [(now, true), (now - SECOND, false)] {
            let begun = all(now).map(|mut state| state.begin_probe(time).then_some(state));
            let probing = |failures| Some(Multiplexing::Probing { failures });
            let expected =
                [probing(0), None, None, probing(2).filter(|_| due), probing(0).filter(|_| due), None];
            assert_eq!(begun, expected);
        }
    }

    #[test]
    fn a_reply_counts_in_each_state() {
        let now = Instant::now();
        assert_eq!(after(YES, now), [Multiplexing::Several; 6]);
        let retry_at = now + 300 * SECOND;
        assert_eq!(after(NO, now), [Multiplexing::OneAtATime { retry_at }; 6]);
    }

    #[test]
    fn a_probe_that_was_not_sent_changes_nothing() {
        let now = Instant::now();
        let mut expected = all(now);
        (expected[1], expected[2]) =
            (Multiplexing::Unknown, Multiplexing::Failed { failures: 2, retry_at: now });
        assert_eq!(after(ProbeOutcome::NotSent, now), expected);
    }

    #[test]
    fn failures_postpone_the_next_probe() {
        let now = Instant::now();
        for (outcome, pause) in [(ProbeOutcome::Unreachable, SECOND), (ProbeOutcome::TimedOut, 10 * SECOND)] {
            let mut expected = all(now);
            expected[1] = Multiplexing::Failed { failures: 1, retry_at: now + pause };
            expected[2] = Multiplexing::Failed { failures: 3, retry_at: now + 4 * pause };
            assert_eq!(after(outcome, now), expected);
        }
        let mut last = Multiplexing::Probing { failures: u32::MAX };
        last.end_probe(ProbeOutcome::Unreachable, now);
        assert_eq!(last, Multiplexing::Failed { failures: u32::MAX, retry_at: now + 300 * SECOND });
    }
}
