//! What a connection reports to its driver.

use crate::key::RequestKey;
use crate::params::Params;
use crate::record::EndRequest;

/// Something that the application did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// [`read_stdout`](super::Connection::read_stdout) has new content. Not repeated until the next read.
    StdoutReadable(RequestKey),
    /// [`read_stderr`](super::Connection::read_stderr) has new content. Not repeated until the next read.
    StderrReadable(RequestKey),
    /// The application has ended the request (FastCGI §5.5). Unread bytes can still be read.
    ///
    /// With a status other than [`REQUEST_COMPLETE`](crate::ProtocolStatus::REQUEST_COMPLETE), the application has
    /// rejected the request.
    RequestEnded(RequestKey, EndRequest),
    /// The response to [`get_values`](super::Connection::get_values) (§4.1): the variables that the application knows.
    Values(Params),
    /// The response to [`get_values`](super::Connection::get_values) from an application that does not support it (§4.2).
    ValuesUnsupported,
}

/// What the end of the application's stream interrupted.
///
/// ```
/// use fcgi_core::Role;
/// use fcgi_core::client::{Config, Connection, EndOfInput};
/// let mut connection = Connection::new(Config::new());
/// assert_eq!(connection.end_of_input(), EndOfInput::Clean);
/// let request = connection.begin(Role::RESPONDER, false)?;
/// assert_eq!(connection.end_of_input(), EndOfInput::InRequest);
/// # Ok::<_, fcgi_core::UserError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndOfInput {
    /// Nothing: the stream ended between requests.
    Clean,
    /// A record.
    InRecord,
    /// The [active requests](super::Connection::active_keys). Their responses are incomplete.
    InRequest,
}
