//! Why a connection ended other than in good order.

use std::error::Error as StdError;
use std::{fmt, io};

use fcgi_core::ProtocolError;
use fcgi_core::server::EndOfInput;

/// A connection ended badly, or the one request of a [CGI program](crate::serve_cgi()) did. Ask it how with the
/// `is_…` methods.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
}

#[derive(Debug)]
pub(crate) enum ErrorKind {
    /// The transport failed.
    Io(io::Error),
    /// The web server broke the protocol.
    Protocol(ProtocolError),
    /// The web server's stream ended where it may not.
    UnexpectedEof(EndOfInput),
    /// A time-out.
    Timeout(TimeoutKind),
    /// An answer could not be completed.
    IncompleteResponse,
    /// The application wanted it so.
    Aborted,
}

/// What took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeoutKind {
    HeaderRead,
    Write,
    Linger,
}

impl Error {
    /// The transport failed.
    #[must_use]
    pub const fn is_io(&self) -> bool {
        matches!(self.kind, ErrorKind::Io(_))
    }

    /// The web server broke the protocol.
    #[must_use]
    pub const fn is_protocol_error(&self) -> bool {
        matches!(self.kind, ErrorKind::Protocol(_))
    }

    /// The web server closed the connection inside a record or inside the PARAMS of a request.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        matches!(self.kind, ErrorKind::UnexpectedEof(EndOfInput::InRecord | EndOfInput::InParams))
    }

    /// The web server closed the connection before a request was answered, as nginx does when its client goes
    /// away.
    #[must_use]
    pub const fn is_canceled(&self) -> bool {
        matches!(self.kind, ErrorKind::UnexpectedEof(EndOfInput::InRequest))
    }

    /// Something took longer than its time-out.
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        matches!(self.kind, ErrorKind::Timeout(_))
    }

    /// An answer could not be completed, and so the connection was closed rather than the answer ended.
    #[must_use]
    pub const fn is_incomplete_response(&self) -> bool {
        matches!(self.kind, ErrorKind::IncompleteResponse)
    }

    /// [`ConnectionHandle::abort`](crate::ConnectionHandle::abort) was called.
    #[must_use]
    pub const fn is_aborted(&self) -> bool {
        matches!(self.kind, ErrorKind::Aborted)
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
    fn from(violation: ProtocolError) -> Self {
        ErrorKind::Protocol(violation).into()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            ErrorKind::Io(_) => "the connection to the web server failed",
            ErrorKind::Protocol(_) => "the web server broke the protocol",
            ErrorKind::UnexpectedEof(EndOfInput::InParams) => {
                "the web server closed the connection inside a request's PARAMS"
            }
            ErrorKind::UnexpectedEof(EndOfInput::InRequest) => {
                "the web server closed the connection before its request was answered"
            }
            ErrorKind::UnexpectedEof(_) => "the web server closed the connection inside a record",
            ErrorKind::Timeout(TimeoutKind::HeaderRead) => {
                "the web server took too long over a request's head"
            }
            ErrorKind::Timeout(TimeoutKind::Write) => "the web server took too long to read an answer",
            ErrorKind::Timeout(TimeoutKind::Linger) => {
                "the web server went on too long with a body that nobody reads"
            }
            ErrorKind::IncompleteResponse => "an answer could not be completed",
            ErrorKind::Aborted => "the connection was told to end at once",
        })
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.kind {
            ErrorKind::Io(error) => Some(error),
            ErrorKind::Protocol(violation) => Some(violation),
            ErrorKind::UnexpectedEof(_)
            | ErrorKind::Timeout(_)
            | ErrorKind::IncompleteResponse
            | ErrorKind::Aborted => None,
        }
    }
}
