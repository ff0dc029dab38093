//! The question how many requests an application takes on a connection (FastCGI §4.1).

use std::time::Duration;

use fcgi_core::{Params, Variable};

use super::dispatch::Question;
use crate::cgi::parse_decimal;

/// How long the answer may take. An application looks for the question before anything else, and has nothing to do for the
/// answer, unless it has no process to spare or does not know how to give one: libfcgi never does.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// What is asked for.
pub(super) const PROBE_VARIABLES: [Variable; 2] = [Variable::MpxsConns, Variable::MaxReqs];

/// How far a connection is with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probe {
    /// Nobody asks, or there is an answer, or there was none in time.
    No,
    /// The question is out. With [`Question::Alone`], the connection is good for nothing if there is no answer.
    Out(Question),
}

/// How many requests may be under way at once, by what the application says of itself, where the caller wants at most so
/// many.
///
/// FastCGI §4.1 means `FCGI_MAX_REQS` for the whole application. It is taken for a connection, as HAProxy takes it: how many others
/// the application has is not known here.
pub(super) fn negotiated(told: &Params, wanted: u16) -> u16 {
    if told.get("FCGI_MPXS_CONNS") != Some(b"1") {
        return 1;
    }
    match told.get("FCGI_MAX_REQS").and_then(parse_decimal) {
        Some(most) => u16::try_from(most).unwrap_or(u16::MAX).clamp(1, wanted),
        None => wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_application_says_bounds_what_is_wanted() {
        for (mpxs, reqs, places_of_32) in [
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
            let told: Params = pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            assert_eq!(negotiated(&told, 32), places_of_32, "{mpxs:?} {reqs:?}");
        }
    }
}
