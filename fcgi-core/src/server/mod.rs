//! One connection, seen from the application: which record belongs to which request, and what is due.

mod config;
mod event;
mod event_queue;
mod incomplete_heads;
mod management;
mod recv;
pub(crate) mod request_state;
mod requests;
mod send;
mod shutdown;

use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;

pub use self::config::{Config, OverloadResponse, ParamsBuffer};
pub use self::event::{Event, NewRequest, RejectReason};
use self::event_queue::EventQueue;
use self::incomplete_heads::IncompleteHeads;
use self::requests::Requests;
pub use self::send::StreamState;
pub use self::shutdown::{CloseAction, EndOfInput};
use crate::codec::RecordDecoder;
use crate::codec::RecordEncoder;
use crate::error::ProtocolError;
use crate::key::RequestKey;
use crate::record::BeginRequest;

/// The application's side of one transport connection: the only table of its requests.
///
/// It does no I/O, reads no clock and calls nobody. A driver moves bytes and events, in this order:
///
/// 1. **Output**: write what [`output`](Self::output) holds, and [advance](RecordEncoder::advance) it.
/// 2. **Input**: while [`wants_input`](Self::wants_read), read from the transport and hand the bytes to
///    [`receive`](Self::receive) or [`receive_shared`](Self::receive_shared). All of them are used at once;
///    what cannot be told yet is kept, within the [limits](crate::Limits). At the end of the stream ask
///    [`end_of_input`](Self::end_of_input) what it cut off.
/// 3. **Events**: take [`poll_event`](Self::poll_event) until it is `None`. Answer each request that it tells
///    with *commands*, in any order and as late as need be.
/// 4. **Close**: when [`should_close`](Self::close_action) says so, write what is left of the output and do
///    as it says.
///
/// The methods are of four kinds:
///
/// - *bytes in* (`receive…`): fail with a [`ProtocolError`] when the peer breaks a rule, and take in nothing
///   after it. Events from before it can still be taken, and what was begun can still be answered or [cut
///   off](Self::abort_response).
/// - *events out* (`poll_event`, `read_body`, `read_data`).
/// - *commands* (`stdout…`, `replace_response`, `stderr`, `end`, `fail`, `abandon`, `refuse`, `discard_body`, `consumed`): fail with a
///   [`UserError`](crate::UserError) when the request's state does not allow them, and then change nothing.
/// - *getters* (`wants_input`, `is_idle`, `live`, …).
///
/// A request lives from its BEGIN_REQUEST until both its input and its output have ended, whatever its
/// handler does: see the diagram in `request.rs`. Its body ends on the terminal STDIN record and on nothing
/// else.
///
/// # Back-pressure
/// FastCGI has no flow control (§3.3), so there is only the transport's: not reading. Bytes of a body count
/// as unread from their arrival until [`consumed`](Self::release_capacity) is told of them. A request that is alone
/// pauses the input at [`Limits::request_window`](crate::Limits::request_window); several pause it together at
/// [`Limits::connection_window`](crate::Limits::connection_window). Until then ABORT, management records and other
/// requests are seen behind an unread body; after that only once something was consumed or
/// [discarded](Self::discard_body).
///
/// # Example
/// ```
/// use fcgi_core::server::{Connection, Event};
///
/// let mut connection = Connection::new(Default::default());
/// // BEGIN_REQUEST (Responder, no KEEP_CONN), PARAMS with one pair, the end of PARAMS, the end of STDIN.
/// connection.receive(b"\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00")?;
/// connection.receive(b"\x01\x04\x00\x01\x00\x05\x00\x00\x01\x02ABC\x01\x04\x00\x01\x00\x00\x00\x00")?;
/// connection.receive(b"\x01\x05\x00\x01\x00\x00\x00\x00")?;
///
/// let Some(Event::Request(request)) = connection.poll_event() else { panic!("a request") };
/// assert_eq!(request.params.get("A"), Some(&b"BC"[..]));
/// connection.stdout(request.key, b"Status: 204 No Content\r\n\r\n")?;
/// connection.end(request.key, 0)?;
/// assert_eq!(connection.output().len(), 8 + 26 + 8 + 16);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    config: Arc<Config>,
    decoder: RecordDecoder,
    /// BEGIN_REQUEST's content as far as it has come.
    begin_content: ([u8; BeginRequest::LEN], u8),
    /// A management record's content as far as it has come; at most `limits.management_bytes`.
    management: Vec<u8>,
    requests: Requests,
    events: EventQueue,
    output: RecordEncoder,
    /// Requests of `table` that are live; the others in it are answered, and their input has not ended. Each has
    /// an id, of which there are 65 535.
    active: u16,
    /// Those of them whose PARAMS have not ended.
    incomplete_heads: IncompleteHeads,
    /// Sum of the charges in `table`, in bytes.
    unread_bytes: usize,
    /// Bytes of PARAMS of the live requests, handed out or not.
    params_bytes: usize,
    /// Bytes that were dropped since the last request that the application was told of.
    discarded_bytes: u64,
    /// Bytes that [`answer_here`](Self::send_control) has queued, less what of them must have been written
    /// since. No more than that is known: answers of the application lie between them.
    control_bytes: usize,
    /// KEEP_CONN of the last request that began. FastCGI §5.1 gives the flag to each request; where several
    /// differ, the last one decides.
    keep_conn: bool,
    shutdown: Shutdown,
    /// The rule that the peer broke. Beside `closing`, since an answer that was cut off stays cut off.
    protocol_error: Option<ProtocolError>,
}

/// Whether the connection takes further requests, and how it ends when it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shutdown {
    /// It takes requests.
    None,
    /// It takes requests, and ends in good order once none is alive.
    WhenIdle,
    /// It ends in good order after the requests that are alive.
    Graceful,
    /// An answer was cut off: it ends after the requests that are alive, such that the peer notices.
    Reset,
}

impl Shutdown {
    const fn accepts_requests(self) -> bool {
        matches!(self, Self::None | Self::WhenIdle)
    }
}

impl Connection {
    /// A connection on which nothing was received.
    #[must_use]
    pub const fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            decoder: RecordDecoder::new(),
            begin_content: ([0; BeginRequest::LEN], 0),
            management: Vec::new(),
            requests: Requests::new(),
            events: EventQueue::new(),
            output: RecordEncoder::new(),
            active: 0,
            incomplete_heads: IncompleteHeads::None,
            unread_bytes: 0,
            params_bytes: 0,
            discarded_bytes: 0,
            control_bytes: 0,
            keep_conn: true,
            shutdown: Shutdown::None,
            protocol_error: None,
        }
    }

    /// Takes in bytes from the web server, all of them.
    ///
    /// # Errors
    /// The web server broke a rule of the protocol. Every later call fails with the same violation.
    pub fn receive(&mut self, input: &[u8]) -> Result<(), ProtocolError> {
        self.receive_from(input, None)
    }

    /// As [`receive`](Self::receive), but large pieces of bodies are not copied: they are handed on as slices
    /// that keep `input` alive, and all of the buffer that it is a part of. Pieces below 8 192 bytes, or
    /// below an eighth of `input`, are copied: with a buffer of 64 KiB, a piece keeps at most eight times its
    /// size alive.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn receive_shared(&mut self, input: &Bytes) -> Result<(), ProtocolError> {
        self.receive_from(input, Some(input))
    }

    /// The next thing that the application has to know of, in the order of the wire. It may be about a
    /// request that was ended since: commands then say [`UserError::RequestClosed`](crate::UserError::RequestClosed).
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
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

    /// Requests that have begun and are owed an answer, those included whose PARAMS have not ended.
    #[must_use]
    pub fn active_requests(&self) -> usize {
        usize::from(self.active)
    }

    /// Requests that are answered, or cut off, and whose input has not ended.
    #[must_use]
    pub fn half_closed_requests(&self) -> usize {
        self.requests.len().saturating_sub(usize::from(self.active))
    }

    /// Bytes of records that were dropped since the last request that the application was told of: the rest of answered
    /// requests, PARAMS of refused ones, and what belongs to no request. A driver that keeps the connection bounds
    /// them, for nothing else does: call [`close`](Self::stop_accepting) when they are too many. Not counted are bodies that
    /// were [discarded](Self::discard_body) while their request is live.
    #[must_use]
    pub const fn discarded_bytes(&self) -> u64 {
        self.discarded_bytes
    }

    /// Whether the request can still be answered: it has neither ended nor failed.
    #[must_use]
    pub fn is_writable(&self, key: RequestKey) -> bool {
        self.requests.get(key).is_some_and(|entry| entry.state.check_writable().is_ok())
    }

    /// Bytes of bodies that were received and not yet [consumed](Self::release_capacity).
    #[must_use]
    pub const fn unread_bytes(&self) -> usize {
        self.unread_bytes
    }

    /// Whether input should be read from the transport. `false`: unread bodies have reached their limit, or
    /// answers to what the web server asks of the connection itself have, which it does not read.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        let limits = &self.config.limits;
        let bound = if self.active > 1 { limits.connection_window } else { limits.request_window };
        // Not all of the output counts: there are web servers that read no answer before they have sent all
        // of its request's body, and they must not be waited for.
        let answered = self.control_bytes.min(self.output.len());
        self.unread_bytes < bound.max(1) && answered < limits.max_control_bytes.max(1)
    }

    /// The live request with the most unread bytes: the one to give up when input has been paused for too
    /// long. `None`: no request has any.
    #[must_use]
    pub fn largest_unread(&self) -> Option<RequestKey> {
        let unread =
            self.requests.iter().filter(|(_, entry)| entry.state.is_active() && entry.unreleased() > 0);
        unread.max_by_key(|(_, entry)| entry.unreleased()).map(|(key, _)| key)
    }

    /// The live requests whose PARAMS have not ended, oldest first.
    pub fn incomplete_heads(&self) -> impl Iterator<Item = RequestKey> {
        self.incomplete_heads.iter()
    }

    /// Whether the request's PARAMS have not ended.
    #[must_use]
    pub fn is_incomplete_head(&self, key: RequestKey) -> bool {
        self.incomplete_heads.contains(key)
    }

    /// The next request that has begun, and whose PARAMS have not ended by now. Each is given once, oldest first: a driver that
    /// bounds how long PARAMS take has the time of each begin from it.
    pub fn poll_new_head(&mut self) -> Option<RequestKey> {
        self.incomplete_heads.poll_new()
    }

    /// Frees what an idle connection need not keep.
    pub fn shrink(&mut self) {
        self.output.shrink();
        self.requests.shrink();
        self.events.shrink();
        self.incomplete_heads.shrink();
        if self.management.is_empty() {
            self.management = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests;
