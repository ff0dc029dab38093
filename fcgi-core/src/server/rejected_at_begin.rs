//! Counts of the requests that a connection rejects as soon as they begin.

/// How many requests were rejected at their begin, by the reason: see [`Connection::take_rejected`](super::Connection::take_rejected).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RejectedAtBegin {
    /// For a role that is not in [`Config::roles`](super::Config::roles). They were answered with UNKNOWN_ROLE (FastCGI §5.5).
    pub unknown_role: u32,
    /// Over [`Limits::max_concurrent_requests`](crate::Limits::max_concurrent_requests). They were answered with
    /// [`Config::overload_response`](super::Config::overload_response).
    pub overloaded: u32,
    /// On a connection that is closing, or was upgraded. They were answered with
    /// [`Config::overload_response`](super::Config::overload_response), too.
    pub closing: u32,
}

impl RejectedAtBegin {
    pub(super) const NONE: Self = Self { unknown_role: 0, overloaded: 0, closing: 0 };
}
