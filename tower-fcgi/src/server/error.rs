//! Why a connection ended other than in good order.

use std::error::Error as StdError;
use std::{fmt, io};

use fcgi_core::Violation;
use fcgi_core::server::EndOfInput;

/// A connection ended badly, or the one request of a [CGI program](crate::serve_program()) did. Ask it how with the
/// `is_…` methods.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    /// The transport failed.
    Io(io::Error),
    /// The web server broke the protocol.
    Violation(Violation),
    /// The web server's stream ended where it may not.
    Eof(EndOfInput),
    /// A time-out.
    Timeout(Timeout),
    /// An answer could not be completed.
    CutOff,
    /// The application wanted it so.
    Killed,
}

/// What took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timeout {
    Head,
    Write,
    Drain,
}

impl Error {
    /// The transport failed.
    #[must_use]
    pub const fn is_io(&self) -> bool {
        matches!(self.kind, Kind::Io(_))
    }

    /// The web server broke the protocol.
    #[must_use]
    pub const fn is_protocol_violation(&self) -> bool {
        matches!(self.kind, Kind::Violation(_))
    }

    /// The web server closed the connection inside a record or inside the PARAMS of a request.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        matches!(self.kind, Kind::Eof(EndOfInput::InRecord | EndOfInput::InParams))
    }

    /// The web server closed the connection before a request was answered, as nginx does when its client goes
    /// away.
    #[must_use]
    pub const fn is_canceled(&self) -> bool {
        matches!(self.kind, Kind::Eof(EndOfInput::InRequest))
    }

    /// Something took longer than its time-out.
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        matches!(self.kind, Kind::Timeout(_))
    }

    /// An answer could not be completed, and so the connection was closed rather than the answer ended.
    #[must_use]
    pub const fn is_cut_off(&self) -> bool {
        matches!(self.kind, Kind::CutOff)
    }

    /// [`Handle::kill`](crate::Handle::kill) was called.
    #[must_use]
    pub const fn is_killed(&self) -> bool {
        matches!(self.kind, Kind::Killed)
    }
}

impl From<Kind> for Error {
    fn from(kind: Kind) -> Self {
        Self { kind }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Kind::Io(error).into()
    }
}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Self {
        Kind::Violation(violation).into()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            Kind::Io(_) => "the connection to the web server failed",
            Kind::Violation(_) => "the web server broke the protocol",
            Kind::Eof(EndOfInput::InParams) => {
                "the web server closed the connection inside a request's PARAMS"
            }
            Kind::Eof(EndOfInput::InRequest) => {
                "the web server closed the connection before its request was answered"
            }
            Kind::Eof(_) => "the web server closed the connection inside a record",
            Kind::Timeout(Timeout::Head) => "the web server took too long over a request's head",
            Kind::Timeout(Timeout::Write) => "the web server took too long to read an answer",
            Kind::Timeout(Timeout::Drain) => "the web server went on too long with a body that nobody reads",
            Kind::CutOff => "an answer could not be completed",
            Kind::Killed => "the connection was told to end at once",
        })
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.kind {
            Kind::Io(error) => Some(error),
            Kind::Violation(violation) => Some(violation),
            Kind::Eof(_) | Kind::Timeout(_) | Kind::CutOff | Kind::Killed => None,
        }
    }
}
