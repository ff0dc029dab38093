//! When and how to close the connection.

use super::connection::{Connection, Shutdown};

/// How to close a connection without active requests.
///
/// A driver handles each: one that ignored an action would lose a response. So the enum is exhaustive, as are [`EndOfInput`] and
/// [`StreamState`](crate::StreamState).
///
/// ```
/// use fcgi_core::server::{CloseAction, Connection, Event};
/// let mut connection = Connection::new(Default::default());
/// // BEGIN_REQUEST, an empty PARAMS and an empty STDIN: a request without KEEP_CONN.
/// connection.receive(b"\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00")?;
/// connection.receive(b"\x01\x04\x00\x01\x00\x00\x00\x00\x01\x05\x00\x01\x00\x00\x00\x00")?;
/// assert_eq!(connection.close_action(), None);
/// let Some(Event::Request(request)) = connection.poll_event() else { panic!("a request") };
/// connection.stdout(request.key, b"Status: 204 No Content\r\n\r\n")?;
/// connection.end_request(request.key, 0)?;
/// // Once the output is written.
/// assert_eq!(connection.close_action(), Some(CloseAction::Close));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseAction {
    /// Write the output, then close: no request has more input.
    Close,
    /// Write the output, shut down the write side, read and drop input until the end of the stream for a limited
    /// time, then close.
    ///
    /// The web server may still be sending a body. An immediate close would reset the connection, and could destroy
    /// the response on its way.
    LingeringClose,
    /// Write the output, then close such that the peer sees an error, with a reset if the transport has one: a
    /// response was cut off.
    Reset,
}

/// What the end of the web server's stream interrupted.
///
/// ```
/// use fcgi_core::server::{Connection, EndOfInput};
/// let mut connection = Connection::new(Default::default());
/// assert_eq!(connection.end_of_input(), EndOfInput::Clean);
/// // BEGIN_REQUEST, an empty PARAMS and an empty STDIN: a request without KEEP_CONN.
/// connection.receive(b"\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00")?;
/// connection.receive(b"\x01\x04\x00\x01\x00\x00\x00\x00\x01\x05\x00\x01\x00\x00\x00\x00")?;
/// assert_eq!(connection.end_of_input(), EndOfInput::InRequest);
/// # Ok::<_, fcgi_core::ProtocolError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndOfInput {
    /// Nothing: the stream ended between requests, or in the input of answered ones.
    Clean,
    /// A record that does not belong to an answered request.
    InRecord,
    /// The PARAMS of a request.
    InParams,
    /// An active request. nginx closes the connection like this when its client disconnects.
    InRequest,
}

impl Connection {
    /// Whether and how to close the connection now; `None` to keep it open, always while a request is active.
    ///
    /// A connection closes after a request without KEEP_CONN (FastCGI §5.1), after
    /// [`stop_accepting`](Self::stop_accepting), at the limit on half-closed requests, after a response was [cut
    /// off](Self::abort_response) or [abandoned](Self::abandon_response), and after a protocol error.
    #[must_use]
    pub fn close_action(&self) -> Option<CloseAction> {
        if self.active > 0 {
            return None;
        }
        match self.shutdown {
            Shutdown::Reset => Some(CloseAction::Reset),
            _ if self.protocol_error.is_some() => Some(CloseAction::LingeringClose),
            Shutdown::None if self.keep_conn => None,
            Shutdown::None | Shutdown::WhenIdle | Shutdown::Graceful => Some(self.graceful_close()),
        }
    }

    /// Accepts no further requests. The connection [closes](Self::close_action) after the active ones.
    ///
    /// The response to a further request is [`Config::overload_response`](super::Config::overload_response).
    pub fn stop_accepting(&mut self) {
        if self.shutdown.accepts_requests() {
            self.shutdown = Shutdown::Graceful;
        }
    }

    /// Whether the connection is idle: no active request, no partial record, no unwritten output. Half-closed
    /// requests do not count.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.active == 0 && self.decoder.is_between_records() && self.output.is_empty()
    }

    /// What the end of the web server's stream would interrupt now.
    #[must_use]
    pub fn end_of_input(&self) -> EndOfInput {
        if !self.incomplete_heads.is_empty() {
            EndOfInput::InParams
        } else if self.active > 0 {
            EndOfInput::InRequest
        } else if self.decoder.is_between_records()
            || self.decoder.is_in_padding()
            || self.is_in_answered_request()
        {
            EndOfInput::Clean
        } else {
            EndOfInput::InRecord
        }
    }

    /// Whether the current record belongs to an answered request: nginx and HAProxy stop sending a body once they
    /// have the response, even inside a record.
    fn is_in_answered_request(&self) -> bool {
        let id = match self.decoder.current() {
            Some((header, _)) => header.id,
            // The request id is unknown inside a header; attribute it to a half-closed request, if any.
            None => return self.requests.len() > 0,
        };
        self.requests.iter().any(|(_, entry)| entry.id == id && !entry.state.is_active())
    }

    fn graceful_close(&self) -> CloseAction {
        if self.requests.len() == 0 && self.decoder.is_between_records() {
            CloseAction::Close
        } else {
            CloseAction::LingeringClose
        }
    }
}
