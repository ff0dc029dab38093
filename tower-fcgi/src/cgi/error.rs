//! Errors of the mapping. The server turns them into its own `Failure`.

use http::StatusCode;

/// A request that cannot become an [`http::Request`]: the status that rejects it, and the reason for the log.
#[derive(Debug)]
pub(crate) struct RequestError(pub(crate) StatusCode, pub(crate) &'static str);

/// A response that CGI cannot carry: the reason for the log.
#[derive(Debug)]
pub(crate) struct ResponseError(pub(crate) &'static str);

impl RequestError {
    /// A `400 Bad Request`.
    pub(super) const fn bad_request(reason: &'static str) -> Self {
        Self(StatusCode::BAD_REQUEST, reason)
    }
}
