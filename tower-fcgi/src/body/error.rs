//! Why a request's body could not be read to its end.

use std::error::Error;
use std::fmt;

/// A request's body broke off. What was read of it is not the whole, and must not be acted upon as if it were
/// (FastCGI §6.2 asks an application to give up an update whose body falls short).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyError {
    kind: BodyErrorKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyErrorKind {
    TooShort,
    TooLong,
    Aborted,
    Disconnected,
    Evicted,
    ReadTimeout,
    TooLarge,
    Timeout,
    RequestEnded,
}

impl BodyError {
    /// STDIN ended with fewer bytes than CONTENT_LENGTH, or a Filter's DATA with fewer than FCGI_DATA_LENGTH.
    #[must_use]
    pub const fn is_too_short(&self) -> bool {
        matches!(self.kind, BodyErrorKind::TooShort)
    }

    /// STDIN had more bytes than CONTENT_LENGTH, or a Filter's DATA more than FCGI_DATA_LENGTH.
    #[must_use]
    pub const fn is_too_long(&self) -> bool {
        matches!(self.kind, BodyErrorKind::TooLong)
    }

    /// The web server gave the request up with ABORT_REQUEST (FastCGI §5.4).
    #[must_use]
    pub const fn is_aborted(&self) -> bool {
        matches!(self.kind, BodyErrorKind::Aborted)
    }

    /// The connection to the web server was lost before the terminal record of STDIN, or of a Filter's DATA.
    #[must_use]
    pub const fn is_disconnected(&self) -> bool {
        matches!(self.kind, BodyErrorKind::Disconnected)
    }

    /// The body was given up because, unread, it held up other requests of its connection for too long.
    #[must_use]
    pub const fn is_evicted(&self) -> bool {
        matches!(self.kind, BodyErrorKind::Evicted)
    }

    /// Nothing of the body came for [longer than it may](crate::Config::with_body_read_timeout).
    #[must_use]
    pub const fn is_read_timeout(&self) -> bool {
        matches!(self.kind, BodyErrorKind::ReadTimeout)
    }

    /// The body is [larger than it may be](crate::Config::with_max_body_bytes).
    #[must_use]
    pub const fn is_too_large(&self) -> bool {
        matches!(self.kind, BodyErrorKind::TooLarge)
    }

    /// The request took [longer than it may](crate::Config::with_request_timeout).
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        matches!(self.kind, BodyErrorKind::Timeout)
    }

    /// The request was answered, so that what is left of its body is not received any more.
    #[must_use]
    pub const fn is_request_ended(&self) -> bool {
        matches!(self.kind, BodyErrorKind::RequestEnded)
    }
}

impl From<BodyErrorKind> for BodyError {
    fn from(kind: BodyErrorKind) -> Self {
        Self { kind }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            BodyErrorKind::TooShort => "the body ended before as many bytes as the web server has told of",
            BodyErrorKind::TooLong => "the body has more bytes than the web server has told of",
            BodyErrorKind::Aborted => "the web server gave the request up before the end of its body",
            BodyErrorKind::Disconnected => {
                "the connection to the web server was lost before the end of the request's body"
            }
            BodyErrorKind::Evicted => "the request's body was given up: unread, it held up other requests",
            BodyErrorKind::ReadTimeout => "the web server sent nothing of the request's body for too long",
            BodyErrorKind::TooLarge => "the request's body is larger than the limit",
            BodyErrorKind::Timeout => "the request took longer than it may",
            BodyErrorKind::RequestEnded => "the request was answered before the end of its body",
        })
    }
}

impl Error for BodyError {}
