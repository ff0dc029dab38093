//! The error of a connection.

use std::io;

use fcgi_core::server::EndOfInput;
use fcgi_core::{ForeignProtocol, ProtocolError, ProtocolErrorKind};

use crate::shared_source::SharedSource;
use crate::stats::CloseReason;

/// The error of a connection, or of the request of a [CGI program](crate::serve_cgi()).
///
/// [`kind`](Self::kind) tells the causes apart. An [`io::Error`] or a [`ProtocolError`] is the
/// [`source`](std::error::Error::source).
///
/// ```
/// use std::error::Error as _;
/// use tower_fcgi::{Error, ErrorKind};
///
/// fn log(error: &Error) {
///     match error.kind() {
///         // The client has left.
///         ErrorKind::Canceled => {}
///         _ => eprintln!("{error}: {:?}", error.source()),
///     }
/// }
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct Error {
    cause: ErrorCause,
}

/// The cause of an [`Error`] of a connection: see [`Error::kind`].
///
/// No kind calls for an action of the program: the connection has ended, and its requests with it. They differ in what an
/// operator has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The transport failed. The [source](std::error::Error::source) is its [`io::Error`].
    ///
    /// It happens when a web server is stopped or restarted, or resets a connection because its client has left.
    Io,
    /// The web server broke the protocol. The [source](std::error::Error::source) is the [`ProtocolError`].
    ///
    /// Often it is no web server that has connected, or one that is configured for another protocol:
    /// [`ProtocolErrorKind::ForeignProtocol`] says which.
    Protocol,
    /// The web server closed the connection inside a record or inside the PARAMS of a request.
    ///
    /// Its process has ended, or something between it and the application cut the connection. No handler ran for an incomplete
    /// request.
    Truncated,
    /// The web server closed the connection before a request was answered, as nginx does when its client leaves.
    ///
    /// The handler was cancelled. It needs no action.
    Canceled,
    /// The [time for the head of a request](crate::Config::with_header_read_timeout) is over.
    HeaderReadTimeout,
    /// The web server has not read a response within the [limit](crate::Config::with_write_timeout).
    WriteTimeout,
    /// Nothing was sent over an upgraded connection within the [limit](crate::Config::with_upgrade_idle_timeout).
    UpgradeIdleTimeout,
    /// The web server went on sending the body of an answered request for longer than the
    /// [time](crate::Config::with_linger_timeout) or the [bytes](crate::Config::with_linger_bytes) for that.
    LingerLimit,
    /// A response failed after a part of it was sent, so the connection was closed instead of ending the response.
    ///
    /// The cause, such as a panic or an error of the response's body, was logged with the request.
    IncompleteResponse,
    /// [`ConnectionHandle::abort`](crate::ConnectionHandle::abort) was called.
    Aborted,
}

/// The cause, with what only this crate has to know.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ErrorCause {
    /// The transport failed.
    #[error("the connection to the web server failed")]
    Io(#[source] SharedSource<io::Error>),
    /// The web server violated the protocol.
    #[error("the web server broke the protocol")]
    Protocol(#[source] ProtocolError),
    /// The web server closed the connection in the middle of a record or a request.
    #[error("the web server closed the connection {}", place(*.0))]
    UnexpectedEof(EndOfInput),
    #[error(transparent)]
    Timeout(TimeoutKind),
    #[error("a response could not be completed")]
    IncompleteResponse,
    #[error("the connection was aborted")]
    Aborted,
}

/// The operation that timed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TimeoutKind {
    #[error("timed out while reading the head of a request")]
    HeaderRead,
    #[error("timed out while writing a response: the web server does not read it")]
    Write,
    #[error("an upgraded connection was idle for too long")]
    UpgradeIdle,
    #[error("timed out while discarding the rest of an answered request")]
    Linger,
}

impl Error {
    /// The cause.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match &self.cause {
            ErrorCause::Io(_) => ErrorKind::Io,
            ErrorCause::Protocol(_) => ErrorKind::Protocol,
            ErrorCause::UnexpectedEof(EndOfInput::InRequest) => ErrorKind::Canceled,
            ErrorCause::UnexpectedEof(_) => ErrorKind::Truncated,
            ErrorCause::Timeout(TimeoutKind::HeaderRead) => ErrorKind::HeaderReadTimeout,
            ErrorCause::Timeout(TimeoutKind::Write) => ErrorKind::WriteTimeout,
            ErrorCause::Timeout(TimeoutKind::UpgradeIdle) => ErrorKind::UpgradeIdleTimeout,
            ErrorCause::Timeout(TimeoutKind::Linger) => ErrorKind::LingerLimit,
            ErrorCause::IncompleteResponse => ErrorKind::IncompleteResponse,
            ErrorCause::Aborted => ErrorKind::Aborted,
        }
    }

    /// Whether a timeout of the [`Config`](crate::Config) expired: [`HeaderReadTimeout`](ErrorKind::HeaderReadTimeout),
    /// [`WriteTimeout`](ErrorKind::WriteTimeout), [`UpgradeIdleTimeout`](ErrorKind::UpgradeIdleTimeout) or
    /// [`LingerLimit`](ErrorKind::LingerLimit).
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        matches!(self.cause, ErrorCause::Timeout(_))
    }

    /// The transport failed. No `From`: it would be public, and an `io::Error` of a caller is no error of a connection.
    pub(crate) fn io(error: io::Error) -> Self {
        ErrorCause::Io(SharedSource::new(error)).into()
    }

    /// The web server broke the protocol.
    pub(crate) fn protocol(error: ProtocolError) -> Self {
        ErrorCause::Protocol(error).into()
    }
}

/// How an operator has to know an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoggedError {
    /// The peer does not speak FastCGI.
    ForeignProtocol(ForeignProtocol),
    /// The web server has not read a response, or has not taken the end of the connection in time.
    GivenUp,
    Aborted,
    /// The end of a connection that needs no attention, or whose cause was logged before.
    Other,
}

impl Error {
    pub(super) const fn logged(&self) -> LoggedError {
        match (self.kind(), &self.cause) {
            (_, ErrorCause::Protocol(error)) => match error.kind() {
                ProtocolErrorKind::ForeignProtocol(protocol) => LoggedError::ForeignProtocol(protocol),
                _ => LoggedError::Other,
            },
            (ErrorKind::WriteTimeout | ErrorKind::LingerLimit, _) => LoggedError::GivenUp,
            (ErrorKind::Aborted, _) => LoggedError::Aborted,
            _ => LoggedError::Other,
        }
    }

    /// The reason for the end of a connection, for the counters.
    pub(super) const fn close_reason(&self) -> CloseReason {
        match self.kind() {
            ErrorKind::Io => CloseReason::IoError,
            ErrorKind::Protocol => CloseReason::ProtocolError,
            ErrorKind::Canceled => CloseReason::WebServerInRequest,
            ErrorKind::Truncated => CloseReason::WebServerTruncated,
            ErrorKind::HeaderReadTimeout => CloseReason::HeaderReadTimeout,
            ErrorKind::WriteTimeout => CloseReason::WriteTimeout,
            ErrorKind::UpgradeIdleTimeout => CloseReason::UpgradeIdleTimeout,
            ErrorKind::LingerLimit => CloseReason::DiscardLimit,
            ErrorKind::IncompleteResponse => CloseReason::IncompleteResponse,
            ErrorKind::Aborted => CloseReason::Aborted,
        }
    }
}

impl From<ErrorCause> for Error {
    fn from(cause: ErrorCause) -> Self {
        Self { cause }
    }
}

const fn place(end: EndOfInput) -> &'static str {
    match end {
        EndOfInput::InParams => "inside a request's PARAMS",
        EndOfInput::InRequest => "before its request was answered",
        EndOfInput::InRecord | EndOfInput::Clean => "inside a record",
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn clones_share_the_source_which_the_message_does_not_repeat() {
        let error = Error::io(io::Error::new(io::ErrorKind::BrokenPipe, "no reader"));
        let clone = error.clone();
        assert_eq!(clone.kind(), ErrorKind::Io);
        assert_eq!(clone.to_string(), "the connection to the web server failed");
        let source = |error: &Error| error.source().unwrap().downcast_ref::<io::Error>().unwrap().to_string();
        assert_eq!([source(&error), source(&clone)], ["no reader", "no reader"]);
    }
}
