//! The check that an application is free before a kept connection takes its next request.
//!
//! END_REQUEST does not show that it is (FastCGI §5.5): PHP sends it in `fastcgi_finish_request()`, and goes on with the script.
//! The reply to GET_VALUES (§4.1) does: an application with one request at a time sends it when it reads its next record.
//!
//! ```text
//!             END_REQUEST            the reply to the last query
//!   NotNeeded ───────────▶ Awaited ─────────────────────────────▶ NotNeeded
//!                             │
//!                             ├── the application multiplexes ──▶ NotNeeded
//!                             └── timeout ──▶ the connection closes
//! ```

use std::time::Duration;

/// Timeout for the reply. A free application replies at once. After it the connection is closed, as if it were not kept.
pub(super) const READY_TIMEOUT: Duration = Duration::from_millis(100);

/// The check of one connection.
///
/// It counts the queries, because replies have no number: one to an earlier query, such as the probe, shows nothing.
#[derive(Debug, Default)]
pub(super) struct ReadyCheck {
    state: CheckState,
    /// GET_VALUES records without a reply.
    unanswered: u32,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum CheckState {
    #[default]
    NotNeeded,
    /// The connection takes no request until all queries are answered.
    Awaited,
}

impl ReadyCheck {
    /// Counts a query that is no check.
    pub(super) const fn query_sent(&mut self) {
        self.unanswered = self.unanswered.saturating_add(1);
    }

    /// Begins a check, whose query was sent.
    pub(super) const fn begin(&mut self) {
        self.query_sent();
        self.state = CheckState::Awaited;
    }

    /// Ends a check that is awaited. Returns whether there was one.
    pub(super) fn end(&mut self) -> bool {
        std::mem::take(&mut self.state) == CheckState::Awaited
    }

    /// Handles a reply. Returns whether it shows that the application is free, which was awaited.
    pub(super) fn reply(&mut self) -> bool {
        self.unanswered = self.unanswered.saturating_sub(1);
        let free = self.unanswered == 0 && self.state == CheckState::Awaited;
        if free {
            self.state = CheckState::NotNeeded;
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_reply_to_the_last_query_counts() {
        let mut check = ReadyCheck::default();
        check.query_sent();
        check.begin();
        assert!(!check.reply(), "the reply to the probe");
        assert!(check.reply());
        assert!(!check.reply(), "a reply without a query");
        check.begin();
        assert!(check.reply());
    }
}
