//! The error of a connection.

use std::io;

use fcgi_core::server::EndOfInput;
use fcgi_core::{ForeignProtocol, ProtocolError, ProtocolErrorKind};

use crate::stats::CloseReason;

/// The error of a connection, or of the request of a [CGI program](crate::serve_cgi()).
///
/// The `is_…` methods distinguish the causes.
///
/// ```
/// use std::error::Error as _;
///
/// /// With what the error was caused by.
/// fn log(error: &tower_fcgi::Error) {
///     match error.source() {
///         Some(source) => eprintln!("{error}: {source}"),
///         None => eprintln!("{error}"),
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error {
    kind: ErrorKind,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ErrorKind {
    /// The transport failed.
    #[error("the connection to the web server failed")]
    Io(#[source] io::Error),
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
    /// Whether the transport failed.
    #[must_use]
    pub const fn is_io(&self) -> bool {
        matches!(self.kind, ErrorKind::Io(_))
    }

    /// Whether the web server broke the protocol.
    #[must_use]
    pub const fn is_protocol_error(&self) -> bool {
        matches!(self.kind, ErrorKind::Protocol(_))
    }

    /// Whether the web server closed the connection inside a record or inside the PARAMS of a request.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        matches!(self.kind, ErrorKind::UnexpectedEof(EndOfInput::InRecord | EndOfInput::InParams))
    }

    /// Whether the web server closed the connection before a request was answered, as nginx does when its client goes
    /// away.
    #[must_use]
    pub const fn is_canceled(&self) -> bool {
        matches!(self.kind, ErrorKind::UnexpectedEof(EndOfInput::InRequest))
    }

    /// Whether a timeout expired.
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        matches!(self.kind, ErrorKind::Timeout(_))
    }

    /// Whether a response could not be completed, so that the connection was closed instead of ending the response.
    #[must_use]
    pub const fn is_incomplete_response(&self) -> bool {
        matches!(self.kind, ErrorKind::IncompleteResponse)
    }

    /// Whether [`ConnectionHandle::abort`](crate::ConnectionHandle::abort) was called.
    #[must_use]
    pub const fn is_aborted(&self) -> bool {
        matches!(self.kind, ErrorKind::Aborted)
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
        match &self.kind {
            ErrorKind::Protocol(ProtocolError {
                kind: ProtocolErrorKind::ForeignProtocol(protocol), ..
            }) => LoggedError::ForeignProtocol(*protocol),
            ErrorKind::Timeout(TimeoutKind::Write | TimeoutKind::Linger) => LoggedError::GivenUp,
            ErrorKind::Aborted => LoggedError::Aborted,
            ErrorKind::Protocol(_)
            | ErrorKind::Timeout(TimeoutKind::HeaderRead | TimeoutKind::UpgradeIdle)
            | ErrorKind::Io(_)
            | ErrorKind::UnexpectedEof(_)
            | ErrorKind::IncompleteResponse => LoggedError::Other,
        }
    }

    /// The reason for the end of a connection, for the counters.
    pub(super) const fn close_reason(&self) -> CloseReason {
        match &self.kind {
            ErrorKind::Io(_) => CloseReason::IoError,
            ErrorKind::Protocol(_) => CloseReason::ProtocolError,
            ErrorKind::UnexpectedEof(EndOfInput::InRequest) => CloseReason::WebServerInRequest,
            ErrorKind::UnexpectedEof(_) => CloseReason::WebServerTruncated,
            ErrorKind::Timeout(TimeoutKind::HeaderRead) => CloseReason::HeaderReadTimeout,
            ErrorKind::Timeout(TimeoutKind::Write) => CloseReason::WriteTimeout,
            ErrorKind::Timeout(TimeoutKind::UpgradeIdle) => CloseReason::UpgradeIdleTimeout,
            ErrorKind::Timeout(TimeoutKind::Linger) => CloseReason::DiscardLimit,
            ErrorKind::IncompleteResponse => CloseReason::IncompleteResponse,
            ErrorKind::Aborted => CloseReason::Aborted,
        }
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self { kind }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        ErrorKind::Io(error).into()
    }
}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        ErrorKind::Protocol(error).into()
    }
}

const fn place(end: EndOfInput) -> &'static str {
    match end {
        EndOfInput::InParams => "inside a request's PARAMS",
        EndOfInput::InRequest => "before its request was answered",
        EndOfInput::InRecord | EndOfInput::Clean => "inside a record",
    }
}
