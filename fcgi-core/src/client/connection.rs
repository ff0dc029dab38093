//! One connection to an application: its state and its getters.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::config::Config;
use super::event::{EndOfInput, Event};
use super::requests::Requests;
use crate::codec::{RecordDecoder, RecordEncoder};
use crate::error::{ProtocolError, UserError};
use crate::key::RequestKey;

/// The web server's side of one transport connection.
///
/// Performs no I/O, reads no clock, runs no callbacks. A driver moves bytes and events, in this order:
///
/// 1. **Commands**: [begin](Self::begin) a request while [`can_begin`](Self::can_begin) allows it, send its
///    [meta-variables](Self::param) and their [end](Self::end_params), then its [body](Self::stdin) while
///    [`wants_body`](Self::wants_body) is true, and its [end](Self::end_stdin).
/// 2. **Output**: write [`output`](Self::output) to the transport, and [advance](RecordEncoder::advance) it.
/// 3. **Input**: while [`wants_read`](Self::wants_read), read from the transport and pass the bytes to
///    [`receive`](Self::receive) or [`receive_shared`](Self::receive_shared). Each call uses all bytes. At the end of
///    the stream, [`end_of_input`](Self::end_of_input) returns what it interrupted.
/// 4. **Events**: call [`poll_event`](Self::poll_event) until it returns `None`.
///
/// There are four kinds of methods:
///
/// - *Commands* (`begin`, `param…`, `stdin…`, `data…`, `end_…`, `abort`, `get_values`, `discard`, `release_capacity`):
///   fail with a [`UserError`] if the state does not allow them, and then change nothing.
/// - *Bytes in* (`receive…`): fail with a [`ProtocolError`] if the application breaks a rule, and ignore all further
///   input. Earlier events can still be polled.
/// - *Events out* (`poll_event`, `read_stdout`, `read_stderr`).
/// - *Getters* (`wants_read`, `wants_body`, `is_idle`, `active_requests`, …).
///
/// A request is *active* from [`begin`](Self::begin) until its END_REQUEST is received: see the diagram in
/// `client/request_state.rs`. Its [`RequestKey`] stays valid until its response is also completely
/// [released](Self::release_capacity) or [discarded](Self::discard).
///
/// # The end of a response
/// Only END_REQUEST ends a response (FastCGI §5.5). The empty STDOUT record before it is optional: PHP sends none. The
/// end of the transport's stream never ends a response, although some web servers accept it: a crash of the
/// application would look like success.
///
/// # Tolerated deviations
/// Harmless deviations that applications were seen to have: a repeated empty STDOUT record, STDERR after its end, a
/// GET_VALUES_RESULT without a query (PHP once added an empty one), records of unknown types, and an end of the stream
/// inside padding.
///
/// # Backpressure
/// Out: commands always queue; [`wants_body`](Self::wants_body) returns whether to queue more. In: bytes of a
/// response count as unread from their arrival until [`release_capacity`](Self::release_capacity). Input pauses at
/// [`Config::request_window`] or, while several requests have a valid key, at [`Config::connection_window`].
///
/// # Example
/// ```
/// use std::collections::VecDeque;
/// use fcgi_core::{Role, StreamState, client};
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
/// assert_eq!(connection.poll_event(), Some(client::Event::StdoutReadable(key)));
/// let mut response = VecDeque::new();
/// assert_eq!(connection.read_stdout(key, &mut response)?, StreamState::Ended);
/// assert_eq!(response, [&b"ok"[..]]);
/// connection.release_capacity(key, 2);
/// assert!(matches!(connection.poll_event(), Some(client::Event::RequestEnded(_, end)) if end.app_status == 0));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    pub(super) config: Config,
    pub(super) decoder: RecordDecoder,
    /// The received content of END_REQUEST or a management record. Never longer than such a record may be.
    pub(super) partial: Vec<u8>,
    pub(super) requests: Requests,
    pub(super) events: VecDeque<Event>,
    pub(super) output: RecordEncoder,
    /// Sum of the unreleased bytes of all `requests`.
    pub(super) unread_bytes: usize,
    /// The number of GET_VALUES records without a response.
    pub(super) queries: usize,
    /// KEEP_CONN of the last BEGIN_REQUEST. If it is clear, the application closes the connection.
    pub(super) keep_conn: bool,
    /// The application's error.
    pub(super) protocol_error: Option<ProtocolError>,
}

/// Capacity of the event queue that is kept, enough for a small response.
pub(super) const SMALL_QUEUE: usize = 4;

impl Connection {
    /// A connection that has sent nothing.
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

    /// Returns the next event, in the order of the wire. Its key may no longer be valid.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The records that wait to be written.
    pub const fn output(&mut self) -> &mut RecordEncoder {
        &mut self.output
    }

    /// The number of bytes that wait to be written.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.output.len()
    }

    /// Whether to queue more of a body: fewer than [`Config::max_write_buffer`] bytes wait to be written.
    #[must_use]
    pub fn wants_body(&self) -> bool {
        self.output.len() < self.config.max_write_buffer.max(1)
    }

    /// Whether to read from the transport: unread responses have not reached their limit.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        let several = self.requests.len() > 1;
        let window = if several { self.config.connection_window } else { self.config.request_window };
        self.unread_bytes < window.max(1)
    }

    /// Checks whether a request can be begun.
    ///
    /// # Errors
    /// [`UserError::ConnectionClosing`] if the last request had no KEEP_CONN, or the application broke a rule;
    /// [`UserError::TooManyRequests`] if [`Config::max_concurrent_requests`] are active.
    pub fn can_begin(&self) -> Result<(), UserError> {
        if !self.keep_conn || self.protocol_error.is_some() {
            Err(UserError::ConnectionClosing)
        } else if self.active_requests() >= usize::from(self.config.max_concurrent_requests) {
            Err(UserError::TooManyRequests)
        } else {
            Ok(())
        }
    }

    /// The number of requests without END_REQUEST.
    #[must_use]
    pub fn active_requests(&self) -> usize {
        self.requests.active()
    }

    /// The keys of the active requests, oldest first.
    pub fn active_keys(&self) -> impl Iterator<Item = RequestKey> {
        let entries = self.requests.oldest_first().into_iter();
        entries.filter(|entry| entry.state.is_active()).map(|entry| entry.key)
    }

    /// The bytes of responses that were received and not [released](Self::release_capacity).
    #[must_use]
    pub const fn unread_bytes(&self) -> usize {
        self.unread_bytes
    }

    /// Whether the connection is idle: no active request, no query without a response, no partial record, no unwritten
    /// output.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.active_requests() == 0
            && self.queries == 0
            && self.decoder.is_between_records()
            && self.output.is_empty()
    }

    /// What the end of the application's stream would interrupt now.
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

    /// Sets the limit on concurrent requests, for instance after GET_VALUES_RESULT (§4.1). Does not affect active
    /// requests.
    pub const fn set_max_concurrent_requests(&mut self, requests: u16) {
        self.config.max_concurrent_requests = requests;
    }

    /// Frees memory that an idle connection does not need. Keeps about 400 bytes of tables, enough for one request.
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
