//! Why an application's answer is not to be had.

use std::error::Error as StdError;
use std::sync::Arc;
use std::{fmt, io};

use fcgi_core::{ProtocolError, ProtocolStatus};

/// A request could not be answered, or its answer is not whole. Ask it how with the `is_…` methods.
#[derive(Debug, Clone)]
pub struct Error {
    kind: ErrorKind,
}

#[derive(Debug, Clone)]
pub(crate) enum ErrorKind {
    /// The transport failed.
    Io(Arc<io::Error>),
    /// The application broke the protocol.
    Protocol(ProtocolError),
    /// The application's stream ended before END_REQUEST.
    Incomplete,
    /// END_REQUEST says that the request was not served.
    Rejected(ProtocolStatus),
    /// The answer does not begin with a CGI head.
    InvalidHead(&'static str),
    /// The answer ended with fewer bytes than its Content-Length.
    TooShort,
    /// The answer has more bytes than its Content-Length.
    TooLong,
    /// The body that was to be sent failed.
    RequestBody(Arc<dyn StdError + Send + Sync>),
    /// The body that was to be sent is not as long as its Content-Length.
    RequestLength,
    /// The body that was to be sent panicked, with this text.
    Panic(Arc<str>),
    /// The connection takes no request.
    Closed,
    /// There was no connection in time.
    ConnectTimeout,
    /// All connections were in use for too long.
    AcquireTimeout,
    /// The answer was left unread while others on its connection waited.
    Stalled,
}

impl Error {
    /// The transport failed, or there is none to be had.
    #[must_use]
    pub const fn is_io(&self) -> bool {
        matches!(self.kind, ErrorKind::Io(_))
    }

    /// The application broke the protocol.
    #[must_use]
    pub const fn is_protocol_error(&self) -> bool {
        matches!(self.kind, ErrorKind::Protocol(_))
    }

    /// The answer is not whole: the application's stream ended before END_REQUEST, or the answer has fewer or
    /// more bytes than its own Content-Length.
    #[must_use]
    pub const fn is_incomplete(&self) -> bool {
        matches!(self.kind, ErrorKind::Incomplete | ErrorKind::TooShort | ErrorKind::TooLong)
    }

    /// What END_REQUEST said where the application did not serve the request at all (FastCGI §5.5): it is
    /// overloaded, takes one request at a time, or does not play the role.
    #[must_use]
    pub const fn protocol_status(&self) -> Option<ProtocolStatus> {
        match self.kind {
            ErrorKind::Rejected(status) => Some(status),
            _ => None,
        }
    }

    /// What came on STDOUT does not begin with the head of a CGI response (RFC 3875 §6), or with none within
    /// the limit.
    #[must_use]
    pub const fn is_invalid_head(&self) -> bool {
        matches!(self.kind, ErrorKind::InvalidHead(_))
    }

    /// The caller's own body is at fault: it failed or [panicked](Self::is_panic), or it is not as long as its
    /// Content-Length.
    #[must_use]
    pub const fn is_request_body(&self) -> bool {
        matches!(self.kind, ErrorKind::RequestBody(_) | ErrorKind::RequestLength | ErrorKind::Panic(_))
    }

    /// The caller's own body panicked. The other requests of its connection go on.
    #[must_use]
    pub const fn is_panic(&self) -> bool {
        matches!(self.kind, ErrorKind::Panic(_))
    }

    /// The connection had ended, or was busy, before it took the request. Nothing of the request was sent, so that it may be
    /// sent over another connection, whatever its method.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.kind, ErrorKind::Closed)
    }

    /// The connection is no more; nothing is said of what came of the request.
    pub(crate) const fn is_connection_lost(&self) -> bool {
        matches!(self.kind, ErrorKind::Io(_) | ErrorKind::Incomplete | ErrorKind::Closed)
    }

    /// A [`Pool`](super::Pool)'s connections were all in use, for longer than a request [may wait](super::Pool::with_acquire_timeout).
    #[must_use]
    pub const fn is_acquire_timeout(&self) -> bool {
        matches!(self.kind, ErrorKind::AcquireTimeout)
    }

    /// The caller did not read the answer while others on the same connection had to wait for it, for longer than it
    /// [may](super::Config::with_body_stall_timeout).
    #[must_use]
    pub const fn is_stalled(&self) -> bool {
        matches!(self.kind, ErrorKind::Stalled)
    }

    /// A [`Pool`](super::Pool) could not make a connection in time.
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
        Self::Io(Arc::new(error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            ErrorKind::Io(_) => "the connection to the application failed",
            ErrorKind::Protocol(_) => "the application broke the protocol",
            ErrorKind::Incomplete => "the application closed the connection before the end of its answer",
            ErrorKind::Rejected(status) => {
                return write!(f, "the application did not serve the request: {status:?}");
            }
            ErrorKind::InvalidHead(why) => {
                return write!(f, "the application's answer has no CGI head: {why}");
            }
            ErrorKind::TooShort => "the application's answer has fewer bytes than its Content-Length",
            ErrorKind::TooLong => "the application's answer has more bytes than its Content-Length",
            ErrorKind::RequestBody(_) => "the body that was to be sent to the application failed",
            ErrorKind::RequestLength => {
                "the body that was to be sent to the application is not as long as it said"
            }
            ErrorKind::Panic(text) => {
                return write!(f, "the body that was to be sent to the application panicked: {text}");
            }
            ErrorKind::Closed => "the connection to the application takes no request",
            ErrorKind::AcquireTimeout => "all connections to the application were in use for too long",
            ErrorKind::Stalled => "the answer was left unread for too long while others had to wait for it",
            ErrorKind::ConnectTimeout => "there was no connection to the application in time",
        })
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.kind {
            ErrorKind::Io(error) => Some(&**error),
            ErrorKind::Protocol(violation) => Some(violation),
            ErrorKind::RequestBody(error) => Some(&**error),
            _ => None,
        }
    }
}
