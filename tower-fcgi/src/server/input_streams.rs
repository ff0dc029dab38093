//! The input streams of a request: STDIN, and after it a Filter's DATA (FastCGI §6.4).
//!
//! Moves bytes from the protocol's buffer to the handler's bodies, and released capacity back to the protocol.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;
use fcgi_core::server::{Connection, NewRequest};
use fcgi_core::{RequestKey, Role, StreamState, UserError};
use http::{Request, StatusCode};

use super::config::DriverConfig;
use super::failure::Failure;
use super::filter_data::{self, FilterData};
use super::request_summary::Summarize;
use super::upgrade::{self, Support, UpgradeInput, UpgradeOutput, WebSocketWarning};
use crate::body::{BodyErrorKind, DeclaredBodyLength, InputChannel, Receiver, RequestBody, SendOutcome};
use crate::buffer_pool;
use crate::cgi::{RequestInfo, announces_no_body};

/// The connection's ends of a request's input streams.
#[derive(Debug)]
pub(super) enum InputStreams {
    /// All streams had ended before the request was dispatched, or are discarded.
    Complete,
    /// STDIN is still open.
    Stdin(Arc<InputChannel>),
    /// A Filter's streams; at least one is still open. `None`: that stream had ended, or is discarded separately.
    Filter { stdin: Option<Arc<InputChannel>>, data: Option<Arc<InputChannel>> },
    /// STDIN of an upgradable or upgraded request.
    Upgrade(UpgradeInput),
}

/// A body for the handler, and the connection's end of it while it is open.
type Opened<B> = (B, Option<Arc<InputChannel>>);

/// Why the input of a request cannot be handed to a handler.
#[derive(Debug)]
pub(super) enum NotOpened {
    /// The request must be answered with this failure.
    Failed(Failure),
    /// The request was aborted, and END_REQUEST was sent.
    Aborted,
}

/// Reads one of the two streams.
type Read = fn(&mut Connection, RequestKey, &mut VecDeque<Bytes>) -> Result<StreamState, UserError>;

impl InputStreams {
    /// Opens the streams of a new request: gives the bodies to `call`, and keeps the other ends of those that are open. Also
    /// returns the response's side of the upgrade, if the request is upgradable.
    #[inline(always)]
    pub(super) fn open(
        protocol: &mut Connection,
        request: &NewRequest,
        info: &RequestInfo,
        config: &DriverConfig,
        summary: &impl Summarize,
        call: &mut Request<RequestBody>,
    ) -> Result<(Self, Option<UpgradeOutput>), NotOpened> {
        if info.asks_for_upgrade
            && let Some((input, output)) = offer_upgrade(protocol, request, info, summary, call)
        {
            return Ok((Self::Upgrade(input), Some(output)));
        }
        let streams = Self::open_bodies(protocol, request, info, config, call)?;
        Ok((streams, None))
    }

    #[inline(always)]
    fn open_bodies(
        protocol: &mut Connection,
        request: &NewRequest,
        info: &RequestInfo,
        config: &DriverConfig,
        call: &mut Request<RequestBody>,
    ) -> Result<Self, NotOpened> {
        if request.role != Role::FILTER {
            let (body, stdin) = open_stdin(protocol, request, info, config)?;
            *call.body_mut() = body;
            return Ok(stdin.map_or(Self::Complete, Self::Stdin));
        }
        let (file, data) = open_data(protocol, request).map_err(NotOpened::Failed)?;
        let (body, stdin) = open_stdin(protocol, request, info, config)?;
        *call.body_mut() = body;
        call.extensions_mut().insert(file);
        let is_complete = stdin.is_none() && data.is_none();
        Ok(if is_complete { Self::Complete } else { Self::Filter { stdin, data } })
    }

    /// Whether more of a body may be received.
    pub(super) fn awaits_body(&self) -> bool {
        !matches!(self, Self::Upgrade(_)) && self.channels().any(|channel| channel.is_open())
    }

    /// The bytes that the handler has not read.
    pub(super) fn unread(&self) -> usize {
        self.channels().map(|channel| channel.unread()).sum()
    }

    /// The bytes that were received since the request was dispatched, with those that were received before.
    pub(super) fn received(&self) -> u64 {
        self.channels().map(|channel| channel.received()).sum()
    }

    /// Whether the handler waits for bytes of a body.
    pub(super) fn reader_is_waiting(&self) -> bool {
        self.channels().any(|channel| channel.reader_is_waiting())
    }

    /// Fails the streams that have not ended.
    #[inline]
    pub(super) fn fail(&self, kind: BodyErrorKind) {
        // Most requests have no open stream, and this is called twice for each.
        if !matches!(self, Self::Complete) {
            self.fail_channels(kind);
        }
    }

    #[inline(never)]
    fn fail_channels(&self, kind: BodyErrorKind) {
        for channel in self.channels() {
            channel.fail(kind);
        }
    }

    /// Moves the received bytes to the handler's bodies. Returns the size of STDIN so far, for the limit on it;
    /// 0 if it is discarded, for a Filter, and for an upgraded request.
    pub(super) fn receive(&self, protocol: &mut Connection, key: RequestKey) -> u64 {
        match self {
            Self::Complete => 0,
            Self::Stdin(channel) => {
                let (receiver, _) = transfer(protocol, key, Connection::read_body, channel);
                if receiver == Receiver::Dropped {
                    // Fails if the request is closed; then there is nothing to discard.
                    let _ = protocol.discard_body(key);
                    return 0;
                }
                channel.received()
            }
            Self::Upgrade(input) => {
                let (receiver, _) = transfer(protocol, key, Connection::read_body, input.stdin());
                input.refuse_if_ended();
                if receiver == Receiver::Dropped {
                    let _ = protocol.discard_body(key);
                }
                0
            }
            Self::Filter { stdin, data } => {
                for (channel, read) in filter_streams(stdin, data) {
                    match channel {
                        Some(channel) => {
                            let (receiver, bytes) = transfer(protocol, key, read, channel);
                            if receiver == Receiver::Dropped {
                                protocol.release_capacity(key, bytes);
                            }
                        }
                        None => {
                            discard_unread(protocol, key, read);
                        }
                    }
                }
                0
            }
        }
    }

    /// Releases the capacity that the handler has freed since the last call, and returns its bytes. If that is 0, registers
    /// `waker` for the next change.
    pub(super) fn release_capacity(
        &self,
        protocol: &mut Connection,
        key: RequestKey,
        waker: &Waker,
    ) -> usize {
        match self {
            Self::Complete => 0,
            Self::Stdin(_) | Self::Upgrade(_) => {
                let Some(channel) = self.channels().next() else { return 0 };
                let (bytes, receiver) = channel.poll_consumed(waker);
                protocol.release_capacity(key, bytes);
                if receiver == Receiver::Dropped {
                    let _ = protocol.discard_body(key);
                }
                bytes
            }
            Self::Filter { stdin, data } => {
                let mut released = 0;
                for (channel, read) in filter_streams(stdin, data) {
                    let (bytes, receiver) =
                        channel.map_or((0, Receiver::Dropped), |channel| channel.poll_consumed(waker));
                    protocol.release_capacity(key, bytes);
                    released += bytes;
                    if receiver == Receiver::Dropped {
                        released += discard_unread(protocol, key, read);
                    }
                }
                released
            }
        }
    }

    pub(super) const fn is_upgradable(&self) -> bool {
        matches!(self, Self::Upgrade(_))
    }

    /// Ends the client's direction of an upgraded request.
    pub(super) fn end_upgrade(&self) {
        if let Self::Upgrade(input) = self {
            input.end();
        }
    }

    fn channels(&self) -> impl Iterator<Item = &Arc<InputChannel>> {
        let (stdin, data) = match self {
            Self::Complete => (None, None),
            Self::Stdin(stdin) => (Some(stdin), None),
            Self::Upgrade(input) => (Some(input.stdin()), None),
            Self::Filter { stdin, data } => (stdin.as_ref(), data.as_ref()),
        };
        stdin.into_iter().chain(data)
    }
}

/// Offers an upgrade to a request that asks for one, if it has no body, and no other request shares its connection.
#[cold]
fn offer_upgrade(
    protocol: &mut Connection,
    request: &NewRequest,
    info: &RequestInfo,
    summary: &impl Summarize,
    call: &mut Request<RequestBody>,
) -> Option<(UpgradeInput, UpgradeOutput)> {
    let has_body = match info.content_length {
        Some(0) => request.params.get("HTTP_TRANSFER_ENCODING").is_some(),
        Some(_) => true,
        // Caddy sends `-1` for a chunked body.
        None => !announces_no_body(&request.params),
    };
    let is_alone = protocol.active_requests() == 1 && protocol.unread_bytes() == 0;
    if request.role != Role::RESPONDER || has_body || !is_alone {
        return None;
    }
    let software = request.params.get("SERVER_SOFTWARE");
    let warning = WebSocketWarning::new(call.headers(), software, summary);
    // Reads no bytes: there are none.
    match protocol.read_body(request.key, &mut VecDeque::new()) {
        Ok(StreamState::Open) => {}
        Ok(StreamState::Ended) => {
            warning.inspect(WebSocketWarning::log);
            return None;
        }
        Ok(StreamState::Aborted) | Err(_) => return None,
    }
    let (offer, input, output) = upgrade::offer(Support::of(software), warning);
    call.extensions_mut().insert(offer);
    Some((input, output))
}

/// STDIN of a new request: its body, and the connection's end of it.
#[inline(always)]
fn open_stdin(
    protocol: &mut Connection,
    request: &NewRequest,
    info: &RequestInfo,
    config: &DriverConfig,
) -> Result<Opened<RequestBody>, NotOpened> {
    let key = request.key;
    let mut chunks = VecDeque::new();
    let state = protocol.read_body(key, &mut chunks).map_err(|_| NotOpened::Aborted)?;
    if bytes_in(&chunks) as u64 > config.max_body_bytes {
        return Err(NotOpened::Failed(Failure::BodyTooLarge));
    }
    match state {
        // FastCGI §6.3: an Authorizer has no STDIN, whatever CONTENT_LENGTH the client's body has.
        StreamState::Ended if request.role == Role::AUTHORIZER => return Ok((RequestBody::empty(), None)),
        StreamState::Ended => {
            protocol.release_capacity(key, bytes_in(&chunks));
            return Ok((RequestBody::whole(chunks, info.content_length), None));
        }
        StreamState::Aborted => {
            let _ = protocol.end_request(key, 0);
            return Err(NotOpened::Aborted);
        }
        StreamState::Open => {}
    }
    let is_empty = match info.content_length {
        // RFC 3875 §4.1.2: an empty body. Its stream stays open until the empty record, which HAProxy may never send.
        Some(length) => length == 0,
        None => config.empty_without_content_length,
    };
    if is_empty && chunks.is_empty() {
        if request.role != Role::FILTER {
            // Not for a Filter: this would discard the DATA too.
            protocol.discard_body(key).map_err(|_| NotOpened::Aborted)?;
        }
        return Ok((RequestBody::empty(), None));
    }
    let length = match info.content_length {
        None if chunks.is_empty() && announces_no_body(&request.params) => DeclaredBodyLength::NoneExpected,
        length => length.into(),
    };
    let channel = Arc::new(InputChannel::default());
    channel.send(&mut chunks, SendOutcome::More);
    Ok((RequestBody::streaming(Arc::clone(&channel), length), Some(channel)))
}

/// The DATA of a new request to a Filter.
fn open_data(protocol: &mut Connection, request: &NewRequest) -> Result<Opened<FilterData>, Failure> {
    let Some(length) = filter_data::length(&request.params) else {
        // FastCGI §6.4: the web server sends FCGI_DATA_LENGTH, and the application compares the length of DATA with it.
        return Err(Failure::Request(StatusCode::BAD_REQUEST, "a Filter without FCGI_DATA_LENGTH"));
    };
    let last_modified = filter_data::last_modified(&request.params);
    let mut chunks = VecDeque::new();
    let read = protocol.read_data(request.key, &mut chunks);
    let (body, channel) = if read == Ok(StreamState::Ended) {
        protocol.release_capacity(request.key, bytes_in(&chunks));
        (RequestBody::whole(chunks, Some(length)), None)
    } else {
        let channel = Arc::new(InputChannel::default());
        channel.send(&mut chunks, read.into());
        (RequestBody::streaming(Arc::clone(&channel), DeclaredBodyLength::Exactly(length)), Some(channel))
    };
    Ok((FilterData::new(length, last_modified, body), channel))
}

/// Moves the received bytes of a stream into its channel. Also returns their number, in case the body was dropped.
fn transfer(
    protocol: &mut Connection,
    key: RequestKey,
    read: Read,
    channel: &InputChannel,
) -> (Receiver, usize) {
    buffer_pool::with_chunks(|chunks| {
        let state = read(protocol, key, chunks);
        let bytes = bytes_in(chunks);
        (channel.send(chunks, state.into()), bytes)
    })
}

/// Discards the received bytes of one of a Filter's streams, and returns their number. The protocol can only discard both
/// streams, and the handler may still read the DATA after a STDIN that it has dropped.
fn discard_unread(protocol: &mut Connection, key: RequestKey, read: Read) -> usize {
    let mut chunks = VecDeque::new();
    // Fails if the request is closed; its capacity is already released then.
    let _ = read(protocol, key, &mut chunks);
    let bytes = bytes_in(&chunks);
    protocol.release_capacity(key, bytes);
    bytes
}

fn filter_streams<'a>(
    stdin: &'a Option<Arc<InputChannel>>,
    data: &'a Option<Arc<InputChannel>>,
) -> [(Option<&'a InputChannel>, Read); 2] {
    [(stdin.as_deref(), Connection::read_body), (data.as_deref(), Connection::read_data)]
}

fn bytes_in(chunks: &VecDeque<Bytes>) -> usize {
    chunks.iter().map(Bytes::len).sum()
}
