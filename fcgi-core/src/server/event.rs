//! What a connection tells its driver.

use super::RequestKey;
use crate::params::Params;
use crate::record::{RequestId, Role};

/// Something that the web server did and the application has to know of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A request's PARAMS are complete: it can be dispatched and answered. Its body may still be on the way.
    Request(NewRequest),
    /// There is something to be had from [`read_body`](super::Connection::read_body) or
    /// [`read_data`](super::Connection::read_data) that was not there at the last call. Given once until the
    /// next call.
    BodyReadable(RequestKey),
    /// A request passed a limit while its PARAMS came. The rest of what the web server sends for it is
    /// dropped; an answer that says so is due: STDOUT, then [`end`](super::Connection::end_request).
    Rejected(RequestKey, RejectReason),
    /// The web server gave the request up (FastCGI §5.4). Nothing more of it comes; it still has to be
    /// [ended](super::Connection::end_request). Given once.
    Aborted(RequestKey),
}

/// A request whose PARAMS are complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRequest {
    /// What names it from now on.
    pub key: RequestKey,
    /// Its id on the wire, for logs.
    pub id: RequestId,
    /// What the application is asked to be; one of the configured roles.
    pub role: Role,
    /// The meta-variables.
    pub params: Params,
}

/// The limit that a request passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectReason {
    /// [`Limits::max_params_bytes`](crate::Limits::max_params_bytes), or
    /// [`all_params_bytes`](crate::Limits::max_total_params_bytes).
    TooManyBytes,
    /// [`Limits::max_params`](crate::Limits::max_params).
    TooManyParams,
}
