//! What a connection tells its driver.

use crate::key::RequestKey;
use crate::params::Params;
use crate::record::EndRequest;

/// Something that the application did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// There is something to be had from [`read_stdout`](super::Connection::read_stdout) that was not there at
    /// the last call. Given once until the next call.
    StdoutReadable(RequestKey),
    /// As [`Stdout`](Self::StdoutReadable), from [`read_stderr`](super::Connection::read_stderr).
    StderrReadable(RequestKey),
    /// The application has ended the request (FastCGI §5.5): nothing more comes of it. What is unread can still
    /// be read.
    ///
    /// A status other than [`REQUEST_COMPLETE`](crate::ProtocolStatus::REQUEST_COMPLETE) says that it was not
    /// even begun to be served.
    RequestEnded(RequestKey, EndRequest),
    /// The answer to [`get_values`](super::Connection::get_values) (§4.1): those of the variables that the
    /// application knows, as it tells them.
    Values(Params),
    /// As [`Values`](Self::Values), from an application that does not know GET_VALUES (§4.2).
    ValuesUnsupported,
}

/// What the end of the application's stream has cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndOfInput {
    /// Nothing: it came between requests.
    Clean,
    /// A record.
    InRecord,
    /// Requests, whose END_REQUEST has not come: [`live_keys`](super::Connection::active_keys). Their answers are
    /// not whole, whatever has come of them.
    InRequest,
}
