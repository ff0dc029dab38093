//! Counts of the requests that a connection rejects as soon as they begin.

/// How many requests were rejected at their begin, by the reason: see
/// [`Connection::take_rejected`](super::Connection::take_rejected).
///
/// ```
/// use fcgi_core::server::{Connection, RejectedAtBegin};
/// let mut connection = Connection::new(Default::default());
/// // BEGIN_REQUEST for an Authorizer, which this application is not.
/// connection.receive(b"\x01\x01\x00\x01\x00\x08\x00\x00\x00\x02\x01\x00\x00\x00\x00\x00")?;
/// let RejectedAtBegin { unknown_role, .. } = connection.take_rejected();
/// assert_eq!(unknown_role, 1);
/// # Ok::<_, fcgi_core::ProtocolError>(())
/// ```
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
