//! The GET_VALUES probe: how many requests an application takes on a connection (FastCGI §4.1).
//!
//! ```text
//!               want,
//!               want_exclusive       poll_send       finish (reply, timeout)
//!   NotNeeded ────────────────▶ Wanted ───────▶ Sent ───────────────────────▶ Done
//!                                 ▲                                             │
//!                                 └─────────────── want_exclusive ──────────────┘
//! ```
//!
//! `finish` and `close` lead from every state to `Done`. `want` turns an exclusive `Wanted` probe into one that is not.

use std::time::Duration;

use fcgi_core::{Params, Variable};

use crate::cgi::parse_decimal;

/// Timeout for the reply. An application replies at once, unless it has no free process or, like libfcgi, never replies.
pub(super) const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// The variables that the probe queries (FastCGI §4.1).
pub(super) const PROBE_VARIABLES: [Variable; 2] = [Variable::MpxsConns, Variable::MaxReqs];

/// The probe of one connection.
///
/// An *exclusive* probe is sent while no request is in flight, and requests then wait for its reply, which may never come.
/// Other probes are sent at once, and requests do not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probe {
    NotNeeded,
    Wanted {
        exclusive: bool,
    },
    Sent {
        exclusive: bool,
    },
    /// The application has replied, the reply has timed out, or the connection was closed.
    Done,
}

/// The outcome of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProbeOutcome {
    /// The probe was not sent.
    NotSent,
    /// Connecting failed, or the connection ended before the reply. Often the application is being restarted.
    Unreachable,
    /// The reply timed out: the application is busy, or never replies.
    TimedOut,
    /// The application has replied whether it takes several requests on a connection.
    Replied { multiplexes: bool },
}

impl Probe {
    /// Requests a probe that is not exclusive, because the application is known to reply. Returns whether that
    /// changes the state.
    pub(super) const fn want(&mut self) -> bool {
        let wanted = matches!(self, Self::NotNeeded | Self::Wanted { exclusive: true });
        if wanted {
            *self = Self::Wanted { exclusive: false };
        }
        wanted
    }

    /// Requests an exclusive probe, another one if one was sent before. Returns whether that changes the state.
    pub(super) const fn want_exclusive(&mut self) -> bool {
        let wanted = matches!(self, Self::NotNeeded | Self::Done);
        if wanted {
            *self = Self::Wanted { exclusive: true };
        }
        wanted
    }

    /// Whether to send the probe now; if so, it counts as sent. `idle`: no request is in flight.
    pub(super) const fn poll_send(&mut self, idle: bool) -> bool {
        match *self {
            Self::Wanted { exclusive } if idle || !exclusive => {
                *self = Self::Sent { exclusive };
                true
            }
            Self::NotNeeded | Self::Wanted { .. } | Self::Sent { .. } | Self::Done => false,
        }
    }

    /// Ends the probe: the application has replied, has rejected a request, or the reply has timed out. Returns whether an
    /// exclusive probe was outstanding.
    pub(super) const fn finish(&mut self) -> bool {
        let exclusive = matches!(self, Self::Sent { exclusive: true });
        *self = Self::Done;
        exclusive
    }

    /// Ends the probe, since the connection accepts no more requests. Returns its outcome if it was not finished.
    pub(super) const fn close(&mut self) -> Option<ProbeOutcome> {
        let outcome = match self {
            Self::Wanted { .. } => Some(ProbeOutcome::NotSent),
            Self::Sent { .. } => Some(ProbeOutcome::Unreachable),
            Self::NotNeeded | Self::Done => None,
        };
        *self = Self::Done;
        outcome
    }

    /// Whether requests must wait for the probe.
    pub(super) const fn blocks_requests(self, idle: bool) -> bool {
        match self {
            Self::Wanted { exclusive } => exclusive && idle,
            Self::Sent { exclusive } => exclusive,
            Self::NotNeeded | Self::Done => false,
        }
    }
}

/// The most requests in flight at once, by the application's reply and the configured limit.
///
/// FastCGI §4.1 defines `FCGI_MAX_REQS` for the whole application. Here it limits each connection, as in HAProxy: the
/// application's other connections are unknown.
pub(super) fn negotiated(reply: &Params, limit: u16) -> u16 {
    if reply.get("FCGI_MPXS_CONNS") != Some(b"1") {
        return 1;
    }
    match reply.get("FCGI_MAX_REQS").and_then(parse_decimal) {
        Some(max) => u16::try_from(max).unwrap_or(u16::MAX).clamp(1, limit),
        None => limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Probe = Probe::Wanted { exclusive: false };
    const WANTED_EXCLUSIVE: Probe = Probe::Wanted { exclusive: true };
    const SENT: Probe = Probe::Sent { exclusive: false };
    const SENT_EXCLUSIVE: Probe = Probe::Sent { exclusive: true };
    const ALL: [Probe; 6] = [Probe::NotNeeded, WANTED, WANTED_EXCLUSIVE, SENT, SENT_EXCLUSIVE, Probe::Done];

    /// The states that `transition` leads to from each of `ALL`, and what it returns.
    fn from_all<T>(transition: impl Fn(&mut Probe) -> T) -> [(Probe, T); 6] {
        ALL.map(|mut probe| {
            let result = transition(&mut probe);
            (probe, result)
        })
    }

    #[test]
    fn a_probe_is_wanted_once() {
        let expected = [
            (WANTED, true),
            (WANTED, false),
            (WANTED, true),
            (SENT, false),
            (SENT_EXCLUSIVE, false),
            (Probe::Done, false),
        ];
        assert_eq!(from_all(Probe::want), expected);
    }

    #[test]
    fn an_exclusive_probe_can_be_wanted_again() {
        let expected = [
            (WANTED_EXCLUSIVE, true),
            (WANTED, false),
            (WANTED_EXCLUSIVE, false),
            (SENT, false),
            (SENT_EXCLUSIVE, false),
            (WANTED_EXCLUSIVE, true),
        ];
        assert_eq!(from_all(Probe::want_exclusive), expected);
    }

    #[test]
    fn a_wanted_probe_is_sent_and_an_exclusive_one_idle() {
        for idle in [false, true] {
            let exclusive = if idle { SENT_EXCLUSIVE } else { WANTED_EXCLUSIVE };
            let expected = [
                (Probe::NotNeeded, false),
                (SENT, true),
                (exclusive, idle),
                (SENT, false),
                (SENT_EXCLUSIVE, false),
                (Probe::Done, false),
            ];
            assert_eq!(from_all(|probe| probe.poll_send(idle)), expected);
        }
    }

    #[test]
    fn a_finished_probe_says_whether_it_was_exclusive() {
        let results = from_all(Probe::finish);
        assert_eq!(results.map(|(probe, _)| probe), [Probe::Done; 6]);
        assert_eq!(results.map(|(_, exclusive)| exclusive), [false, false, false, false, true, false]);
    }

    #[test]
    fn a_closed_connection_reports_its_probe() {
        let results = from_all(Probe::close);
        let (not_sent, lost) = (Some(ProbeOutcome::NotSent), Some(ProbeOutcome::Unreachable));
        assert_eq!(results.map(|(probe, _)| probe), [Probe::Done; 6]);
        assert_eq!(results.map(|(_, outcome)| outcome), [None, not_sent, not_sent, lost, lost, None]);
    }

    #[test]
    fn only_an_exclusive_probe_blocks_requests() {
        let blocks = |idle| ALL.map(|probe| probe.blocks_requests(idle));
        assert_eq!(blocks(false), [false, false, false, false, true, false]);
        assert_eq!(blocks(true), [false, false, true, false, true, false]);
    }

    #[test]
    fn the_reply_and_the_limit_bound_requests_at_once() {
        for (mpxs, reqs, of_32) in [
            (Some("1"), None, 32),
            (Some("1"), Some("8"), 8),
            (Some("1"), Some("33"), 32),
            (Some("1"), Some("99999999"), 32),
            (Some("1"), Some("0"), 1),
            (Some("1"), Some("many"), 32),
            (Some("0"), Some("8"), 1),
            (Some(""), None, 1),
            (Some("yes"), None, 1),
            (None, Some("8"), 1),
            (None, None, 1),
        ] {
            let pairs = [("FCGI_MPXS_CONNS", mpxs), ("FCGI_MAX_REQS", reqs)];
            let reply: Params = pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            assert_eq!(negotiated(&reply, 32), of_32, "{mpxs:?} {reqs:?}");
        }
    }
}
