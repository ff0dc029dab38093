//! The events that are logged at most every 10 s.

use crate::log_throttle::LogThrottle;

/// The throttles of the events that a web server, or a peer that is none, can repeat without end.
#[derive(Debug, Default)]
pub(crate) struct LogThrottles {
    /// Requests over [`Limits::max_concurrent_requests`](crate::Limits::max_concurrent_requests).
    pub(super) overload: LogThrottle,
    /// Connections of another protocol.
    pub(super) foreign_protocol: LogThrottle,
    /// Responses that the web server did not read.
    pub(super) given_up: LogThrottle,
}
