//! One connection of an application: its state and its getters.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::config::Config;
use super::event::Event;
use super::event_queue::EventQueue;
use super::incomplete_heads::IncompleteHeads;
use super::rejected_at_begin::RejectedAtBegin;
use super::requests::Requests;
use crate::codec::{RecordDecoder, RecordEncoder};
use crate::error::ProtocolError;
use crate::key::RequestKey;
use crate::record::BeginRequest;

/// The application's side of one transport connection.
///
/// Performs no I/O, reads no clock, runs no callbacks. A driver moves bytes and events, in this order:
///
/// 1. **Output**: write [`output`](Self::output) to the transport, and [advance](RecordEncoder::advance) it.
/// 2. **Input**: while [`wants_read`](Self::wants_read), read from the transport and pass the bytes to
///    [`receive`](Self::receive) or [`receive_shared`](Self::receive_shared). Each call uses all bytes; what
///    cannot be delivered yet is buffered within the [limits](crate::Limits). At the end of the stream,
///    [`end_of_input`](Self::end_of_input) returns what it interrupted.
/// 3. **Events**: call [`poll_event`](Self::poll_event) until it returns `None`. Respond to each request with
///    *commands*, in any order and at any time.
/// 4. **Close**: once [`close_action`](Self::close_action) returns an action, write the remaining output and
///    close the transport accordingly.
///
/// There are four kinds of methods:
///
/// - *Bytes in* (`receive…`): fail with a [`ProtocolError`] if the peer breaks a rule, and ignore all further
///   input. Earlier events can still be polled, and active requests can still be answered or [cut
///   off](Self::abort_response).
/// - *Events out* (`poll_event`, `read_body`, `read_data`).
/// - *Commands* (`stdout…`, `replace_response`, `stderr`, `end_request`, `abort_response`, `abandon_response`,
///   `reject`, `discard_body`, `release_capacity`, `upgrade`): fail with a [`UserError`](crate::UserError) if the state of the
///   request does not allow them, and then change nothing.
/// - *Getters* (`wants_read`, `is_idle`, `active_requests`, …).
///
/// A request exists from BEGIN_REQUEST until both its input and its output have ended, whatever its handler does:
/// see the diagram in `server/request_state.rs`. Its body ends exactly at the empty STDIN record.
///
/// # Backpressure
/// FastCGI has no flow control (§3.3); the only means is not to read from the transport. Bytes of a body count as
/// unread from their arrival until [`release_capacity`](Self::release_capacity). Input pauses at
/// [`Limits::request_window`](crate::Limits::request_window) if one request is active, and at
/// [`Limits::connection_window`](crate::Limits::connection_window) if several are. Below that, ABORT_REQUEST,
/// management records and other requests are received behind an unread body; above it, only after bytes were
/// released or [discarded](Self::discard_body).
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
/// connection.end_request(request.key, 0)?;
/// assert_eq!(connection.output().len(), 8 + 26 + 8 + 16);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    pub(super) config: Arc<Config>,
    pub(super) decoder: RecordDecoder,
    /// The received bytes of BEGIN_REQUEST's content, and their number.
    pub(super) begin_content: ([u8; BeginRequest::LEN], u8),
    /// The received content of a management record; at most `limits.max_management_bytes`.
    pub(super) management: Vec<u8>,
    pub(super) requests: Requests,
    pub(super) events: EventQueue,
    pub(super) output: RecordEncoder,
    /// Active requests. The others in `requests` are answered, and their input has not ended. At most one for each of
    /// 65 535 ids.
    pub(super) active: u16,
    /// Active requests whose PARAMS have not ended.
    pub(super) incomplete_heads: IncompleteHeads,
    /// Sum of the unreleased bytes of all `requests`.
    pub(super) unread_bytes: usize,
    /// Bytes of PARAMS of the active requests, including those passed to the application.
    pub(super) params_bytes: usize,
    /// Bytes dropped since the last [`Event::Request`].
    pub(super) discarded_bytes: u64,
    /// Requests that were rejected at their begin since the last [`take_rejected`](Self::take_rejected).
    pub(super) rejected: RejectedAtBegin,
    /// An upper limit of the bytes of [`send_control`](Self::send_control) in the output: they are interleaved with
    /// the application's, so which of them were written is unknown.
    pub(super) control_bytes: usize,
    /// KEEP_CONN of the last BEGIN_REQUEST. FastCGI §5.1 defines the flag per request; if several differ, the last
    /// one decides.
    pub(super) keep_conn: bool,
    pub(super) shutdown: Shutdown,
    /// The request that has taken over the connection; it may have ended since.
    pub(super) upgraded: Option<RequestKey>,
    /// The peer's error. Separate from `shutdown`, since a response that was cut off must still cause a reset.
    pub(super) protocol_error: Option<ProtocolError>,
}

/// Whether the connection accepts requests, and how it closes otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shutdown {
    /// Accepts requests.
    None,
    /// Accepts requests, and closes gracefully once no request is active.
    WhenIdle,
    /// Closes gracefully after the active requests.
    Graceful,
    /// Closes with a reset after the active requests: a response was cut off.
    Reset,
}

impl Shutdown {
    pub(super) const fn accepts_requests(self) -> bool {
        matches!(self, Self::None | Self::WhenIdle)
    }
}

impl Connection {
    /// A connection that has received nothing.
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
            rejected: RejectedAtBegin::NONE,
            control_bytes: 0,
            keep_conn: true,
            shutdown: Shutdown::None,
            upgraded: None,
            protocol_error: None,
        }
    }

    /// Returns the next event, in the order of the wire.
    ///
    /// It may concern a request that has ended since; commands for it fail with
    /// [`UserError::RequestClosed`](crate::UserError::RequestClosed).
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
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

    /// The number of requests that have begun and are not answered, including those whose PARAMS are incomplete.
    #[must_use]
    pub fn active_requests(&self) -> usize {
        usize::from(self.active)
    }

    /// The number of requests that are answered or cut off, and whose input has not ended.
    #[must_use]
    pub fn half_closed_requests(&self) -> usize {
        self.requests.len().saturating_sub(usize::from(self.active))
    }

    /// The bytes of records dropped since the last [`Event::Request`]: the rest of answered requests, PARAMS of rejected
    /// ones, and records of unknown requests.
    ///
    /// Nothing else limits them, so a driver that keeps the connection open should call
    /// [`stop_accepting`](Self::stop_accepting) when they are too many. Bodies that were
    /// [discarded](Self::discard_body) while their request is active do not count.
    #[must_use]
    pub const fn discarded_bytes(&self) -> u64 {
        self.discarded_bytes
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Takes the numbers of requests that were rejected at their begin since the last call, for statistics and logs. There
    /// is no event for them: their PARAMS are dropped.
    pub const fn take_rejected(&mut self) -> RejectedAtBegin {
        core::mem::replace(&mut self.rejected, RejectedAtBegin::NONE)
    }

    /// Whether the request can be answered: it was reported, and has not ended.
    #[must_use]
    pub fn is_writable(&self, key: RequestKey) -> bool {
        self.requests.get(key).is_some_and(|entry| entry.state.check_writable().is_ok())
    }

    /// The bytes of bodies that were received and not [released](Self::release_capacity).
    #[must_use]
    pub const fn unread_bytes(&self) -> usize {
        self.unread_bytes
    }

    /// Whether to read from the transport. `false`: unread bodies, or unwritten responses of the connection itself,
    /// have reached their limit.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        let limits = &self.config.limits;
        let window = if self.active > 1 { limits.connection_window } else { limits.request_window };
        // The application's output does not count: some web servers read no response before they have sent the
        // complete body, and would deadlock.
        let control_bytes = self.control_bytes.min(self.output.len());
        self.unread_bytes < window.max(1) && control_bytes < limits.max_control_bytes.max(1)
    }

    /// The active request with the most unread bytes, or `None` if there are no unread bytes.
    ///
    /// Fail this request if input is paused for too long.
    #[must_use]
    pub fn largest_unread(&self) -> Option<RequestKey> {
        let unread =
            self.requests.iter().filter(|(_, entry)| entry.state.is_active() && entry.unreleased() > 0);
        unread.max_by_key(|(_, entry)| entry.unreleased()).map(|(key, _)| key)
    }

    /// The active requests whose PARAMS have not ended, oldest first.
    pub fn incomplete_heads(&self) -> impl Iterator<Item = RequestKey> {
        self.incomplete_heads.iter()
    }

    /// Whether the request is active and its PARAMS have not ended.
    #[must_use]
    pub fn is_incomplete_head(&self, key: RequestKey) -> bool {
        self.incomplete_heads.contains(key)
    }

    /// Returns the next new request whose PARAMS have not ended, oldest first. Each request is returned once.
    ///
    /// For drivers that limit the time of PARAMS: it begins here.
    pub fn poll_new_head(&mut self) -> Option<RequestKey> {
        self.incomplete_heads.poll_new()
    }

    /// Frees memory that an idle connection does not need.
    pub fn shrink(&mut self) {
        self.output.shrink();
        self.requests.shrink();
        self.events.shrink();
        self.incomplete_heads.shrink();
        if self.management.is_empty() {
            self.management = Vec::new();
        }
    }

    /// Whether this connection differs from one that has received nothing only by the keys of its next requests.
    pub(super) fn is_unused(&self) -> bool {
        self.is_idle()
            && self.requests.len() == 0
            && self.events.is_empty()
            && self.discarded_bytes == 0
            && self.keep_conn
            && self.shutdown == Shutdown::None
            && self.protocol_error.is_none()
    }

    /// Makes this a connection that has received nothing, so that [another one](super::IdleConnection::resume) can use its
    /// memory. Keeps the memory that [`shrink`](Self::shrink) keeps, unless something was in progress.
    ///
    /// For a connection that has ended.
    pub fn clear(&mut self) {
        self.keep_conn = true;
        self.shutdown = Shutdown::None;
        if self.is_unused() {
            self.shrink();
        } else {
            *self = Self::new(Arc::clone(&self.config));
        }
    }

    /// Marks a request as answered: it is no longer active.
    pub(super) fn mark_answered(&mut self, key: RequestKey) {
        self.active = self.active.saturating_sub(1);
        let Ok(entry) = self.requests.by_key(key) else { return };
        let released = entry.discard();
        let params_bytes = core::mem::take(&mut entry.params_bytes);
        let is_over = entry.state.is_over();
        self.unread_bytes = self.unread_bytes.saturating_sub(released);
        self.params_bytes = self.params_bytes.saturating_sub(params_bytes);
        if is_over {
            self.requests.remove(key);
        } else {
            self.limit_half_closed();
        }
    }

    /// Stops counting the request for the limit on all PARAMS.
    pub(super) fn release_params(&mut self, key: RequestKey) {
        let Ok(entry) = self.requests.by_key(key) else { return };
        let released = core::mem::take(&mut entry.params_bytes);
        self.params_bytes = self.params_bytes.saturating_sub(released);
    }

    /// Removes the request if it is over; otherwise enforces the limit on half-closed requests.
    pub(super) fn remove_if_done(&mut self, key: RequestKey) {
        let Ok(entry) = self.requests.by_key(key) else { return };
        if entry.state.is_over() {
            self.remove(key);
        } else {
            self.limit_half_closed();
        }
    }

    fn limit_half_closed(&mut self) {
        if self.half_closed_requests() > self.config.limits.max_half_closed_requests
            && self.shutdown.accepts_requests()
        {
            self.shutdown = Shutdown::Graceful;
        }
    }

    pub(super) fn remove(&mut self, key: RequestKey) {
        let released = self.requests.remove(key).unwrap_or(0);
        self.unread_bytes = self.unread_bytes.saturating_sub(released);
    }
}
