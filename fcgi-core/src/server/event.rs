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
///
/// ```
/// use fcgi_core::Role;
/// use fcgi_core::server::{Connection, Event, NewRequest};
/// let mut connection = Connection::new(Default::default());
/// // BEGIN_REQUEST, an empty PARAMS and an empty STDIN: a request without KEEP_CONN.
/// connection.receive(b"\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00")?;
/// connection.receive(b"\x01\x04\x00\x01\x00\x00\x00\x00\x01\x05\x00\x01\x00\x00\x00\x00")?;
/// let Some(Event::Request(NewRequest { key, role, params, .. })) = connection.poll_event() else {
///     panic!("a request")
/// };
/// assert_eq!(role, Role::RESPONDER);
/// assert!(params.is_empty());
/// connection.end_request(key, 0)?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
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
///
/// A driver answers such a request itself:
///
/// ```
/// use fcgi_core::server::{Connection, Event, RejectReason};
/// fn on_event(connection: &mut Connection, event: Event) -> Result<(), fcgi_core::UserError> {
///     if let Event::Rejected(key, reason) = event {
///         let limit = match reason {
///             RejectReason::TooManyParams => "too many variables",
///             _ => "the variables are too long",
///         };
///         connection.stderr(key, limit.as_bytes())?;
///         connection.stdout(key, b"Status: 431 Request Header Fields Too Large\r\n\r\n")?;
///         connection.end_request(key, 0)?;
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectReason {
    /// [`Limits::max_params_bytes`](crate::Limits::max_params_bytes), or
    /// [`Limits::max_total_params_bytes`](crate::Limits::max_total_params_bytes).
    TooManyBytes,
    /// [`Limits::max_params`](crate::Limits::max_params).
    TooManyParams,
}
