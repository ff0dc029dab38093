//! Errors of the client.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use fcgi_core::{ProtocolError, ProtocolStatus};

use crate::cgi::decode_response::HeadError;
use crate::shared_source::SharedSource;

/// Why a request failed, or why its response is incomplete.
///
/// [`kind`](Self::kind) tells the causes apart. The `is_…` methods are for decisions that several kinds share.
///
/// ```
/// use http::StatusCode;
/// use tower_fcgi::client::{Error, ErrorKind};
///
/// /// The status of the response to one's own client.
/// fn status(error: &Error) -> StatusCode {
///     match error.kind() {
///         ErrorKind::AcquireTimeout | ErrorKind::Rejected => StatusCode::SERVICE_UNAVAILABLE,
///         ErrorKind::ConnectTimeout => StatusCode::GATEWAY_TIMEOUT,
///         _ => StatusCode::BAD_GATEWAY,
///     }
/// }
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct Error {
    cause: ErrorCause,
}

/// The cause of an [`Error`] of a request: see [`Error::kind`].
///
/// "Not sent" means that nothing of the request was sent: it can be sent again, whatever its method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The connection failed. The [source](StdError::source) is its [`io::Error`].
    ///
    /// Whether the application served the request is unknown: send it again only if its method is idempotent.
    Io,
    /// The [`Pool`](super::Pool) could not connect. The [source](StdError::source) is the [`io::Error`]. Not sent.
    Connect,
    /// The [`Pool`](super::Pool) could not connect within its [timeout](super::PoolBuilder::connect_timeout). Not sent.
    ConnectTimeout,
    /// All connections of the [`Pool`](super::Pool) were in use for longer than its
    /// [timeout](super::PoolBuilder::acquire_timeout): the application has too few workers for its load. Not sent.
    AcquireTimeout,
    /// The connection was closed or busy and did not take the request. Not sent: send it over another connection.
    Closed,
    /// The application violated the FastCGI protocol. The [source](StdError::source) is the [`ProtocolError`].
    ///
    /// Often another protocol is served at its address.
    Protocol,
    /// The application closed the connection before END_REQUEST (FastCGI §5.5). It may have crashed, or reached a limit of its
    /// own. As for [`Io`](Self::Io), it may have served the request.
    Incomplete,
    /// The response is shorter than its Content-Length (RFC 9110 §8.6). What was received of its body is not all.
    TooShort,
    /// The application rejected the request with the status in [`Error::protocol_status`], and has not run it.
    Rejected,
    /// STDOUT does not begin with a valid CGI response head (RFC 3875 §6) within the
    /// [limit](super::Config::with_max_head_bytes). The message says what is invalid.
    InvalidHead,
    /// The request's own body failed. The [source](StdError::source) is its error.
    RequestBody,
    /// The request's own body does not have its Content-Length.
    RequestLength,
    /// The request's own body panicked. Other requests on its connection continue.
    RequestPanic,
    /// A meta-variable, named by [`Error::too_long_param`], does not fit a record. Not sent. It would fail again.
    ParamTooLong,
    /// The response was left unread while others on its connection waited, for longer than the
    /// [timeout](super::Config::with_body_stall_timeout). Read responses, or drop them.
    Stalled,
}

/// The cause of an [`Error`].
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum ErrorCause {
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

impl Error {
    /// The cause.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self.cause {
            ErrorCause::Io(_) => ErrorKind::Io,
            ErrorCause::Connect(_) => ErrorKind::Connect,
            ErrorCause::ConnectTimeout => ErrorKind::ConnectTimeout,
            ErrorCause::AcquireTimeout => ErrorKind::AcquireTimeout,
            ErrorCause::Closed => ErrorKind::Closed,
            ErrorCause::Protocol(_) => ErrorKind::Protocol,
            ErrorCause::Incomplete => ErrorKind::Incomplete,
            ErrorCause::TooShort => ErrorKind::TooShort,
            ErrorCause::Rejected(_) => ErrorKind::Rejected,
            ErrorCause::InvalidHead(_) => ErrorKind::InvalidHead,
            ErrorCause::RequestBody(_) => ErrorKind::RequestBody,
            ErrorCause::RequestLength => ErrorKind::RequestLength,
            ErrorCause::Panic(_) => ErrorKind::RequestPanic,
            ErrorCause::ParamTooLong(_) => ErrorKind::ParamTooLong,
            ErrorCause::Stalled => ErrorKind::Stalled,
        }
    }

    /// Whether the [`Pool`](super::Pool) could not connect to the application: [`Connect`](ErrorKind::Connect) or
    /// [`ConnectTimeout`](ErrorKind::ConnectTimeout). Nothing of the request was sent.
    #[must_use]
    pub const fn is_connect(&self) -> bool {
        matches!(self.cause, ErrorCause::Connect(_) | ErrorCause::ConnectTimeout)
    }

    /// Whether the response is incomplete: [`Incomplete`](ErrorKind::Incomplete) or [`TooShort`](ErrorKind::TooShort).
    #[must_use]
    pub const fn is_incomplete(&self) -> bool {
        matches!(self.cause, ErrorCause::Incomplete | ErrorCause::TooShort)
    }

    /// Whether the caller is at fault, by the request's own body: [`RequestBody`](ErrorKind::RequestBody),
    /// [`RequestLength`](ErrorKind::RequestLength) or [`RequestPanic`](ErrorKind::RequestPanic).
    #[must_use]
    pub const fn is_request_body(&self) -> bool {
        matches!(self.cause, ErrorCause::RequestBody(_) | ErrorCause::RequestLength | ErrorCause::Panic(_))
    }

    /// The protocol status with which the application rejected the request (FastCGI §5.5): it is overloaded, takes one
    /// request at a time, or does not have the role. `None` for other errors.
    #[must_use]
    pub const fn protocol_status(&self) -> Option<ProtocolStatus> {
        match self.cause {
            ErrorCause::Rejected(status) => Some(status),
            _ => None,
        }
    }

    /// The name of the meta-variable that does not fit a record (65 535 bytes): a header, for example `HTTP_COOKIE`, or the
    /// target, for example `REQUEST_URI`. Nothing of the request was sent. `None` for other errors.
    ///
    /// The specification lets a variable continue in the next record (FastCGI §3.3), but PHP closes the connection then.
    /// A long name is cut.
    #[must_use]
    pub fn too_long_param(&self) -> Option<&str> {
        match &self.cause {
            ErrorCause::ParamTooLong(name) => Some(name),
            _ => None,
        }
    }

    /// Whether the connection was lost. Whether the application served the request is unknown.
    pub(super) const fn is_connection_lost(&self) -> bool {
        matches!(self.cause, ErrorCause::Io(_) | ErrorCause::Incomplete | ErrorCause::Closed)
    }

    /// Whether the application could not be reached, or was lost before it responded. A full backlog is neither.
    pub(super) fn is_unreachable(&self) -> bool {
        match &self.cause {
            ErrorCause::Connect(error) => error.kind() != io::ErrorKind::WouldBlock,
            _ => self.is_connect() || self.is_connection_lost(),
        }
    }

    /// Whether the application rejected the request because it has others (FastCGI §5.5). It has not run it then.
    pub(super) fn is_rejected_for_capacity(&self) -> bool {
        let statuses = [ProtocolStatus::CANT_MPX_CONN, ProtocolStatus::OVERLOADED];
        self.protocol_status().is_some_and(|status| statuses.contains(&status))
    }
}

impl From<ErrorCause> for Error {
    fn from(cause: ErrorCause) -> Self {
        Self { cause }
    }
}

impl From<io::Error> for ErrorCause {
    fn from(error: io::Error) -> Self {
        Self::Io(SharedSource::new(error))
    }
}

impl ErrorCause {
    /// The error of a connect.
    pub(super) fn connect(error: io::Error) -> Self {
        Self::Connect(SharedSource::new(error))
    }

    /// The error of a request's body.
    pub(super) fn request_body(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::RequestBody(SharedSource::boxed(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_the_shared_error_itself() {
        let io = Error::from(ErrorCause::from(io::Error::from(io::ErrorKind::BrokenPipe)));
        let source = io.source().and_then(|source| source.downcast_ref::<io::Error>()).unwrap();
        assert_eq!(source.kind(), io::ErrorKind::BrokenPipe);
        let body = Error::from(ErrorCause::request_body(io::Error::other("it broke")));
        assert!(body.source().unwrap().is::<io::Error>());
        assert!(Error::from(ErrorCause::Closed).source().is_none());
    }
}
