//! The check that an application is free before a kept connection takes its next request.
//!
//! END_REQUEST does not show that it is (FastCGI §5.5): PHP sends it in `fastcgi_finish_request()`, and goes on with the script.
//! The reply to GET_VALUES (§4.1) does: an application with one request at a time sends it when it reads its next record.
//!
//! ```text
//!              END_REQUEST            the reply to the last query
//!   NotNeeded ────────────▶ Awaited ─────────────────────────────▶ NotNeeded
//!    │     ▲                  ▲ │
//!    │     │ a reply          │ ├── the application multiplexes ──▶ NotNeeded
//!    ▼     │    END_REQUEST   │ └── timeout ──▶ the connection closes
//!   QuerySent ────────────────┘
//! ```
//!
//! The first query of a connection is sent after END_REQUEST. Once a reply has shown that the application serves such a query, the
//! next ones are sent right behind the request, if `Config::with_early_ready_check` is set: the application then reads it with no
//! further turn of both sides. A reply before END_REQUEST shows nothing, so another query follows, and later ones are sent after
//! END_REQUEST again. An application that closes without reading the query resets a TCP connection, so it is an option.

use std::time::Duration;

/// Timeout for the reply. A free application replies at once. After it the connection is closed, as if it were not kept.
pub(super) const READY_TIMEOUT: Duration = Duration::from_millis(100);

/// The check of one connection.
///
/// It counts the queries, because replies have no number: one to an earlier query, such as the probe, shows nothing.
#[derive(Debug, Default)]
pub(super) struct ReadyCheck {
    state: CheckState,
    timing: QueryTiming,
    /// GET_VALUES records without a reply.
    unanswered: u32,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum CheckState {
    #[default]
    NotNeeded,
    /// The query was sent behind the request, which has not ended.
    QuerySent,
    /// The connection takes no request until all queries are answered.
    Awaited,
}

/// When the query is sent.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum QueryTiming {
    /// After END_REQUEST: the application has answered no check yet.
    #[default]
    Unproven,
    /// Right behind the request.
    BehindRequest,
    /// After END_REQUEST: the application reads during a request.
    AfterEnd,
}

impl ReadyCheck {
    /// Counts a query that is not a ready check.
    pub(super) const fn query_sent(&mut self) {
        self.unanswered = self.unanswered.saturating_add(1);
    }

    /// Whether to send the query behind the request in flight.
    pub(super) const fn wants_early_query(&self) -> bool {
        matches!((self.timing, self.state), (QueryTiming::BehindRequest, CheckState::NotNeeded))
    }

    /// Records that the query was sent behind the request in flight.
    pub(super) const fn early_query_sent(&mut self) {
        self.query_sent();
        self.state = CheckState::QuerySent;
    }

    /// Begins a check after END_REQUEST. Returns whether its query must be sent now; it counts as sent.
    pub(super) const fn begin(&mut self) -> bool {
        let is_sent = matches!(self.state, CheckState::QuerySent);
        if !is_sent {
            self.query_sent();
        }
        self.state = CheckState::Awaited;
        !is_sent
    }

    /// Ends a check that is awaited. Returns whether there was one.
    pub(super) fn end(&mut self) -> bool {
        std::mem::take(&mut self.state) == CheckState::Awaited
    }

    /// Handles a reply. Returns whether it shows that the application is free, which was awaited.
    pub(super) fn reply(&mut self) -> bool {
        self.unanswered = self.unanswered.saturating_sub(1);
        if self.unanswered > 0 {
            return false;
        }
        match std::mem::take(&mut self.state) {
            CheckState::NotNeeded => false,
            CheckState::QuerySent => {
                self.timing = QueryTiming::AfterEnd;
                false
            }
            CheckState::Awaited => {
                if self.timing == QueryTiming::Unproven {
                    self.timing = QueryTiming::BehindRequest;
                }
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_reply_to_the_last_query_counts() {
        let mut check = ReadyCheck::default();
        check.query_sent();
        assert!(check.begin());
        assert!(!check.reply(), "the reply to the probe");
        assert!(check.reply());
        assert!(!check.reply(), "a reply without a query");
        assert!(check.begin());
        assert!(check.reply());
    }

    #[test]
    fn the_query_is_sent_behind_the_request_once_one_was_answered() {
        let mut check = ReadyCheck::default();
        assert!(!check.wants_early_query());
        assert!(check.begin());
        assert!(!check.wants_early_query());
        assert!(check.reply());
        for _ in 0..2 {
            assert!(check.wants_early_query());
            check.early_query_sent();
            assert!(!check.wants_early_query());
            assert!(!check.begin(), "it was sent before");
            assert!(check.reply());
        }
    }

    #[test]
    fn a_reply_during_the_request_shows_nothing() {
        let mut check = ReadyCheck::default();
        assert!(check.begin() && check.reply());
        check.early_query_sent();
        assert!(!check.reply());
        for _ in 0..2 {
            assert!(!check.wants_early_query());
            assert!(check.begin() && check.reply());
        }
    }
}
