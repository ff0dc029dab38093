//! Errors of the client.

use std::error::Error as StdError;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

use fcgi_core::{ProtocolError, ProtocolStatus};

use crate::cgi::decode_response::HeadError;

/// Why a request failed, or why its response is incomplete.
///
/// The `is_…` methods distinguish the causes.
///
/// ```
/// use http::StatusCode;
/// use tower_fcgi::ProtocolStatus;
/// use tower_fcgi::client::Error;
///
/// /// The status of the response to one's own client.
/// fn status(error: &Error) -> StatusCode {
///     if error.protocol_status() == Some(ProtocolStatus::OVERLOADED) {
///         StatusCode::SERVICE_UNAVAILABLE
///     } else {
///         StatusCode::BAD_GATEWAY
///     }
/// }
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct Error {
    kind: ErrorKind,
}

/// The cause of an [`Error`].
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum ErrorKind {
    #[error("the connection to the application failed")]
    Io(#[source] SharedSource<io::Error>),
    #[error("the application violated the FastCGI protocol")]
    Protocol(#[from] ProtocolError),
    /// The stream ended before END_REQUEST.
    #[error("the application closed the connection before its response was complete")]
    Incomplete,
    /// END_REQUEST has this protocol status: the application did not serve the request (FastCGI §5.5).
    #[error("the application rejected the request: {0:?}")]
    Rejected(ProtocolStatus),
    #[error("the application's response has an invalid CGI head: {0}")]
    InvalidHead(HeadError),
    #[error("the application's response is shorter than its Content-Length")]
    TooShort,
    #[error("the request body failed")]
    RequestBody(#[source] SharedSource<dyn StdError + Send + Sync>),
    #[error("the request body does not have its declared length")]
    RequestLength,
    /// The name of a meta-variable, bounded.
    #[error("the meta-variable {0} is too long for a record")]
    ParamTooLong(Arc<str>),
    #[error("the request body panicked: {0}")]
    Panic(Arc<str>),
    /// The connection does not accept the request.
    #[error("the connection to the application is closed or busy: send the request over another one")]
    Closed,
    #[error("connecting to the application failed")]
    Connect(#[source] SharedSource<io::Error>),
    #[error("connecting to the application timed out")]
    ConnectTimeout,
    #[error("timed out waiting for a free connection to the application")]
    AcquireTimeout,
    #[error("the response was aborted: it was left unread for too long and blocked others on its connection")]
    Stalled,
}

/// An error of a connection, shared by all of its requests.
///
/// `Arc<E>` alone would be the [`source`](StdError::source) itself, which hides the `E` from `downcast_ref`.
#[derive(Debug)]
pub(super) struct SharedSource<E: ?Sized>(Arc<E>);

impl<E: ?Sized> Clone for SharedSource<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E: ?Sized> Deref for SharedSource<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.0
    }
}

impl Error {
    /// Whether the transport failed, or connecting failed.
    #[must_use]
    pub const fn is_io(&self) -> bool {
        matches!(self.kind, ErrorKind::Io(_) | ErrorKind::Connect(_))
    }

    /// Whether the [`Pool`](super::Pool) could not connect to the application. Nothing of the request was sent.
    ///
    /// It also [`is_io`](Self::is_io) or [`is_connect_timeout`](Self::is_connect_timeout).
    #[must_use]
    pub const fn is_connect(&self) -> bool {
        matches!(self.kind, ErrorKind::Connect(_) | ErrorKind::ConnectTimeout)
    }

    /// Whether the application violated the FastCGI protocol.
    #[must_use]
    pub const fn is_protocol_error(&self) -> bool {
        matches!(self.kind, ErrorKind::Protocol(_))
    }

    /// Whether the response is incomplete: the application's stream ended before END_REQUEST (FastCGI §5.5), or the
    /// response is shorter than its Content-Length (RFC 9110 §8.6).
    #[must_use]
    pub const fn is_incomplete(&self) -> bool {
        matches!(self.kind, ErrorKind::Incomplete | ErrorKind::TooShort)
    }

    /// The protocol status with which the application rejected the request (FastCGI §5.5): it is overloaded, takes one
    /// request at a time, or does not have the role. `None` for other errors.
    #[must_use]
    pub const fn protocol_status(&self) -> Option<ProtocolStatus> {
        match self.kind {
            ErrorKind::Rejected(status) => Some(status),
            _ => None,
        }
    }

    /// Whether STDOUT does not begin with a valid CGI response head (RFC 3875 §6) within the
    /// [limit](super::Config::with_max_head_bytes).
    #[must_use]
    pub const fn is_invalid_head(&self) -> bool {
        matches!(self.kind, ErrorKind::InvalidHead(_))
    }

    /// Whether the request's own body failed, [panicked](Self::is_panic), or did not have its Content-Length.
    #[must_use]
    pub const fn is_request_body(&self) -> bool {
        matches!(self.kind, ErrorKind::RequestBody(_) | ErrorKind::RequestLength | ErrorKind::Panic(_))
    }

    /// The name of the meta-variable that does not fit a record (65 535 bytes): a header, for example `HTTP_COOKIE`, or the
    /// target, for example `REQUEST_URI`. Nothing of the request was sent. `None` for other errors.
    ///
    /// The specification lets a variable continue in the next record (FastCGI §3.3), but PHP closes the connection then.
    /// A long name is cut.
    #[must_use]
    pub fn too_long_param(&self) -> Option<&str> {
        match &self.kind {
            ErrorKind::ParamTooLong(name) => Some(name),
            _ => None,
        }
    }

    /// Whether the request's own body panicked. Other requests on its connection continue.
    #[must_use]
    pub const fn is_panic(&self) -> bool {
        matches!(self.kind, ErrorKind::Panic(_))
    }

    /// Whether the connection was closed or busy and did not take the request. Nothing of it was sent, so it can be sent
    /// over another connection, whatever its method.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.kind, ErrorKind::Closed)
    }

    /// Whether the connection was lost. Whether the application served the request is unknown.
    pub(super) const fn is_connection_lost(&self) -> bool {
        matches!(self.kind, ErrorKind::Io(_) | ErrorKind::Incomplete | ErrorKind::Closed)
    }

    /// Whether the application could not be reached, or was lost before it responded. A full backlog is neither.
    pub(super) fn is_unreachable(&self) -> bool {
        match &self.kind {
            ErrorKind::Connect(error) => error.kind() != io::ErrorKind::WouldBlock,
            _ => self.is_connect() || self.is_connection_lost(),
        }
    }

    /// Whether the application rejected the request because it has others (FastCGI §5.5). It has not run it then.
    pub(super) fn is_rejected_for_capacity(&self) -> bool {
        let statuses = [ProtocolStatus::CANT_MPX_CONN, ProtocolStatus::OVERLOADED];
        self.protocol_status().is_some_and(|status| statuses.contains(&status))
    }

    /// Whether all connections of the [`Pool`](super::Pool) were in use for longer than its
    /// [timeout](super::PoolBuilder::acquire_timeout).
    #[must_use]
    pub const fn is_acquire_timeout(&self) -> bool {
        matches!(self.kind, ErrorKind::AcquireTimeout)
    }

    /// Whether the response was left unread while others on its connection waited, for longer than the
    /// [timeout](super::Config::with_body_stall_timeout).
    #[must_use]
    pub const fn is_stalled(&self) -> bool {
        matches!(self.kind, ErrorKind::Stalled)
    }

    /// Whether the [`Pool`](super::Pool) could not connect within its [timeout](super::PoolBuilder::connect_timeout).
    #[must_use]
    pub const fn is_connect_timeout(&self) -> bool {
        matches!(self.kind, ErrorKind::ConnectTimeout)
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self { kind }
    }
}

impl From<io::Error> for ErrorKind {
    fn from(error: io::Error) -> Self {
        Self::Io(SharedSource(Arc::new(error)))
    }
}

impl ErrorKind {
    /// The error of a connect.
    pub(super) fn connect(error: io::Error) -> Self {
        Self::Connect(SharedSource(Arc::new(error)))
    }

    /// The error of a request's body.
    pub(super) fn request_body(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::RequestBody(SharedSource(Arc::from(error.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_the_shared_error_itself() {
        let io = Error::from(ErrorKind::from(io::Error::from(io::ErrorKind::BrokenPipe)));
        let source = io.source().and_then(|source| source.downcast_ref::<io::Error>()).unwrap();
        assert_eq!(source.kind(), io::ErrorKind::BrokenPipe);
        let body = Error::from(ErrorKind::request_body(io::Error::other("it broke")));
        assert!(body.source().unwrap().is::<io::Error>());
        assert!(Error::from(ErrorKind::Closed).source().is_none());
    }
}
