//! The web server's side of a connection: requests out, answers in.
//!
//! [`Connection`] is the counterpart of [`crate::server::Connection`], on the same records and with the same contract.
//! It is what a web server, a load balancer, a health check or a test speaks to an application with.

mod config;
mod event;
mod recv;
mod request_state;
mod requests;
mod send;

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;

pub use self::config::Config;
pub use self::event::{EndOfInput, Event};
use self::requests::Requests;
pub use self::send::AnswerState;
use crate::codec::RecordDecoder;
use crate::codec::RecordEncoder;
use crate::error::{ProtocolError, UserError};
use crate::key::RequestKey;

/// The web server's side of one transport connection: the only table of its requests.
///
/// It does no I/O, reads no clock and calls nobody. A driver moves bytes and events, in this order:
///
/// 1. **Commands**: [begin](Self::begin) a request while [`can_begin`](Self::can_begin), send its
///    [variables](Self::param), [end](Self::end_params) them, send its [body](Self::stdin) as long as there is
///    [room](Self::wants_body), and [end](Self::end_stdin) that.
/// 2. **Output**: write what [`output`](Self::output) holds, and [advance](RecordEncoder::advance) it.
/// 3. **Input**: while [`wants_input`](Self::wants_read), read from the transport and hand the bytes to
///    [`receive`](Self::receive) or [`receive_shared`](Self::receive_shared). All of them are used at once. At
///    the end of the stream ask [`end_of_input`](Self::end_of_input) what it cut off.
/// 4. **Events**: take [`poll_event`](Self::poll_event) until it is `None`.
///
/// The methods are of four kinds:
///
/// - *commands* (`begin`, `param`, `stdin…`, `data…`, `end_…`, `abort`, `get_values`, `discard`, `consumed`):
///   fail with a [`UserError`] when the state does not allow them, and then change nothing.
/// - *bytes in* (`receive…`): fail with a [`ProtocolError`] when the application breaks a rule, and take in nothing
///   after it. Events from before it can still be taken.
/// - *events out* (`poll_event`, `read_stdout`, `read_stderr`).
/// - *getters* (`wants_input`, `has_room`, `is_idle`, `live`, …).
///
/// A request is *live* from [`begin`](Self::begin) until its END_REQUEST comes: see the diagram in
/// `client/request.rs`. Its [`RequestKey`] stays good until, beyond that, all that came of its answer has been
/// [consumed](Self::release_capacity) or [discarded](Self::discard).
///
/// # What counts as the end
/// END_REQUEST alone (FastCGI §5.5). The empty STDOUT record before it is not missed: PHP sends none. The end of the
/// transport's stream never ends an answer, although some web servers take it so: an application that crashes
/// would look as if it had finished.
///
/// # What is overlooked
/// What applications were seen to do, and what harms nobody: more than one empty STDOUT record, STDERR after
/// its end, answers to a GET_VALUES that nobody sent (PHP once added an empty one), records of types that the
/// specification does not have, and an end of stream inside padding.
///
/// # Back-pressure
/// Out: commands are always taken; [`has_room`](Self::wants_body) says when to wait for the transport. In: bytes
/// of an answer count as unread from their arrival until [`consumed`](Self::release_capacity), and input pauses at
/// [`Config::request_window`] or, while several requests have a key, [`Config::connection_window`].
///
/// # Example
/// ```
/// use std::collections::VecDeque;
/// use fcgi_core::{Role, client};
///
/// let mut connection = client::Connection::new(client::Config::default());
/// let key = connection.begin(Role::RESPONDER, true)?;
/// connection.param(key, b"REQUEST_METHOD", b"GET")?;
/// connection.end_params(key)?;
/// connection.end_stdin(key)?;
/// assert_eq!(connection.output_len(), 16 + 27 + 8 + 8);
///
/// // STDOUT "ok", the end of STDOUT, END_REQUEST.
/// connection.receive(b"\x01\x06\x00\x01\x00\x02\x00\x00ok\x01\x06\x00\x01\x00\x00\x00\x00")?;
/// connection.receive(b"\x01\x03\x00\x01\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")?;
/// assert_eq!(connection.poll_event(), Some(client::Event::Stdout(key)));
/// let mut answer = VecDeque::new();
/// assert_eq!(connection.read_stdout(key, &mut answer)?, client::AnswerState::Ended);
/// assert_eq!(answer, [&b"ok"[..]]);
/// connection.consumed(key, 2);
/// assert!(matches!(connection.poll_event(), Some(client::Event::End(_, end)) if end.app_status == 0));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    config: Config,
    decoder: RecordDecoder,
    /// The content of an END_REQUEST or a management record as far as it has come; at most as long as one
    /// may be.
    partial: Vec<u8>,
    requests: Requests,
    events: VecDeque<Event>,
    output: RecordEncoder,
    /// Sum of the charges in `table`, in bytes.
    unread_bytes: usize,
    /// GET_VALUES that were sent and not answered.
    queries: usize,
    /// KEEP_CONN of the last request that was begun: once it is clear, the application closes.
    keep_conn: bool,
    /// The rule that the application broke.
    protocol_error: Option<ProtocolError>,
}

/// Events that one small answer makes, and that a queue has room for when it is first made.
const SMALL_QUEUE: usize = 4;

impl Connection {
    /// A connection on which nothing was sent.
    #[must_use]
    pub const fn new(config: Config) -> Self {
        Self {
            config,
            decoder: RecordDecoder::new(),
            partial: Vec::new(),
            requests: Requests::new(),
            events: VecDeque::new(),
            output: RecordEncoder::new(),
            unread_bytes: 0,
            queries: 0,
            keep_conn: true,
            protocol_error: None,
        }
    }

    /// Takes in bytes from the application, all of them.
    ///
    /// # Errors
    /// The application broke a rule of the protocol. Every later call fails with the same violation.
    pub fn receive(&mut self, input: &[u8]) -> Result<(), ProtocolError> {
        self.receive_from(input, None)
    }

    /// As [`receive`](Self::receive), but large pieces of answers are not copied: they are handed on as slices
    /// that keep `input` alive, and all of the buffer that it is a part of. Pieces below 8 192 bytes, or
    /// below an eighth of `input`, are copied.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn receive_shared(&mut self, input: &Bytes) -> Result<(), ProtocolError> {
        self.receive_from(input, Some(input))
    }

    /// The next thing that the application did, in the order of the wire. Its key may be good no more by the
    /// time that it is taken.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What waits to be written.
    pub const fn output(&mut self) -> &mut RecordEncoder {
        &mut self.output
    }

    /// Bytes that wait to be written.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.output.len()
    }

    /// Whether more of a body should be queued: less than [`Config::max_write_buffer`] wait to be written.
    #[must_use]
    pub fn wants_body(&self) -> bool {
        self.output.len() < self.config.max_write_buffer.max(1)
    }

    /// Whether input should be read from the transport: unread answers have not reached their limit.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        let several = self.requests.len() > 1;
        let bound = if several { self.config.connection_window } else { self.config.request_window };
        self.unread_bytes < bound.max(1)
    }

    /// Whether a request may be begun.
    ///
    /// # Errors
    /// [`UserError::ConnectionClosing`] if the last request was sent without KEEP_CONN, or the application broke a rule;
    /// [`UserError::TooManyRequests`] if as many as [`Config::max_concurrent_requests`] are live.
    pub fn can_begin(&self) -> Result<(), UserError> {
        if !self.keep_conn || self.protocol_error.is_some() {
            Err(UserError::ConnectionClosing)
        } else if self.active_requests() >= usize::from(self.config.max_concurrent_requests) {
            Err(UserError::TooManyRequests)
        } else {
            Ok(())
        }
    }

    /// Requests whose END_REQUEST has not come.
    #[must_use]
    pub fn active_requests(&self) -> usize {
        self.requests.active()
    }

    /// The keys of these requests, oldest first: those that an end of the connection cuts off.
    pub fn active_keys(&self) -> impl Iterator<Item = RequestKey> {
        let entries = self.requests.oldest_first().into_iter();
        entries.filter(|entry| entry.state.is_active()).map(|entry| entry.key)
    }

    /// Bytes of answers that were received and not yet [consumed](Self::release_capacity).
    #[must_use]
    pub const fn unread_bytes(&self) -> usize {
        self.unread_bytes
    }

    /// Whether nothing is under way: no request is live, no query waits for its answer, the application is not
    /// in the middle of a record, and nothing waits to be written.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.active_requests() == 0
            && self.queries == 0
            && self.decoder.is_between_records()
            && self.output.is_empty()
    }

    /// What it means that the application's stream ends here.
    #[must_use]
    pub fn end_of_input(&self) -> EndOfInput {
        if !self.decoder.is_between_records() && !self.decoder.is_in_padding() {
            EndOfInput::InRecord
        } else if self.active_requests() > 0 {
            EndOfInput::InRequest
        } else {
            EndOfInput::Clean
        }
    }

    /// Sets another limit on requests at once, as an answer to GET_VALUES may tell (§4.1). Requests that are
    /// live already stay so.
    pub const fn set_max_concurrent_requests(&mut self, requests: u16) {
        self.config.max_concurrent_requests = requests;
    }

    /// Frees what an idle connection need not keep. It keeps what a single request needs of its tables, some 400
    /// bytes.
    pub fn shrink(&mut self) {
        self.output.shrink();
        self.requests.shrink();
        if self.events.is_empty() && self.events.capacity() > SMALL_QUEUE {
            self.events = VecDeque::new();
        }
        if self.partial.is_empty() {
            self.partial = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests;
