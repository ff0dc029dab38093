//! What a connection reports to its driver.

use crate::key::RequestKey;
use crate::params::Params;
use crate::record::{RequestId, Role};

/// Something that the web server did and the application has to handle.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A new request: its PARAMS are complete, and it can be answered. Its body may still arrive.
    Request(NewRequest),
    /// [`read_body`](super::Connection::read_body) or [`read_data`](super::Connection::read_data) have new content.
    /// Not repeated until the next read.
    BodyReadable(RequestKey),
    /// A request exceeded a limit while its PARAMS arrived. The rest of it is dropped. Respond with an error, and
    /// [end](super::Connection::end_request) it.
    Rejected(RequestKey, RejectReason),
    /// The web server aborted the request (FastCGI §5.4). It sends nothing more for it; the request must still be
    /// [ended](super::Connection::end_request). Reported once.
    Aborted(RequestKey),
}

/// A request whose PARAMS are complete.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewRequest {
    /// The key of the request, for all commands.
    pub key: RequestKey,
    /// Its id on the wire, for logs.
    pub id: RequestId,
    /// The role of the application, one of the configured ones.
    pub role: Role,
    /// The meta-variables.
    pub params: Params,
}

/// The limit that a request exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectReason {
    /// [`Limits::max_params_bytes`](crate::Limits::max_params_bytes), or
    /// [`Limits::max_total_params_bytes`](crate::Limits::max_total_params_bytes).
    TooManyBytes,
    /// [`Limits::max_params`](crate::Limits::max_params).
    TooManyParams,
}
