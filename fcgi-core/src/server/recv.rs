//! Receives records: finds the request, queries its state, and applies the result.

use alloc::boxed::Box;

use bytes::Bytes;

use super::config::OverloadResponse;
use super::connection::Connection;
use super::event::{Event, NewRequest, RejectReason};
use super::request_state::{AbortAction, RequestState, SendState};
use crate::codec::Fragment;
use crate::error::{ProtocolError, ProtocolErrorKind};
use crate::key::RequestKey;
use crate::name_value::ValidateError;
use crate::params::Params;
use crate::record::{BeginRequest, Direction, ProtocolStatus, RecordHeader, RecordType, RequestId};
use crate::record_action::RecordAction;

impl Connection {
    /// Receives bytes from the web server, and uses all of them.
    ///
    /// # Errors
    /// The web server broke a rule of the protocol. Every later call fails with the same error.
    pub fn receive(&mut self, input: &[u8]) -> Result<(), ProtocolError> {
        self.receive_from(input, None)
    }

    /// Like [`receive`](Self::receive), without a copy of large pieces of bodies.
    ///
    /// They are slices, and keep the whole buffer of `input` alive. Pieces below 8 192 bytes, or below an eighth of `input`,
    /// are copied: of a buffer of 64 KiB, a piece pins at most eight times its size.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn receive_shared(&mut self, input: &Bytes) -> Result<(), ProtocolError> {
        self.receive_from(input, Some(input))
    }

    fn receive_from(&mut self, mut input: &[u8], owner: Option<&Bytes>) -> Result<(), ProtocolError> {
        if let Some(error) = self.protocol_error {
            return Err(error);
        }
        if let Some(rest) = self.receive_whole(input) {
            input = rest;
        }
        loop {
            let fragment = match self.decoder.next(&mut input) {
                Ok(Some(fragment)) => fragment,
                Ok(None) => return Ok(()),
                Err(error) => return Err(self.fail(error)),
            };
            match self.fragment(fragment, owner) {
                Ok(RecordAction::Deliver) => {}
                Ok(RecordAction::Ignore) => {
                    self.discarded_bytes = self.discarded_bytes.saturating_add(wire_len(fragment))
                }
                Err(kind) => {
                    return Err(self.fail(ProtocolError { kind, request_id: fragment.header.id }));
                }
            }
        }
    }

    const fn fail(&mut self, error: ProtocolError) -> ProtocolError {
        self.protocol_error = Some(error);
        error
    }

    fn fragment(
        &mut self,
        fragment: Fragment<'_>,
        owner: Option<&Bytes>,
    ) -> Result<RecordAction, ProtocolErrorKind> {
        let RecordHeader { kind, id, .. } = fragment.header;
        // FastCGI §3.3: management records have the null id, and no other record has it.
        if id.is_null() || kind == RecordType::GET_VALUES {
            return self.management_record(fragment).map(|()| RecordAction::Deliver);
        }
        match kind {
            RecordType::PARAMS => self.params(id, fragment),
            RecordType::STDIN => self.stdin(id, fragment, owner),
            RecordType::BEGIN_REQUEST => self.begin(id, fragment).map(|()| RecordAction::Deliver),
            RecordType::DATA => self.data(id, fragment, owner),
            RecordType::ABORT_REQUEST if fragment.is_last => {
                self.abort(id);
                Ok(RecordAction::Deliver)
            }
            _ if kind.direction() == Direction::ToWebServer => Err(ProtocolErrorKind::WrongDirection),
            // FastCGI §4.2: only unknown types of management records get a response. Ignore unknown types of a
            // request's records: a later version may add some.
            _ => Ok(RecordAction::Ignore),
        }
    }

    fn begin(&mut self, id: RequestId, fragment: Fragment<'_>) -> Result<(), ProtocolErrorKind> {
        // FastCGI §5.1: the length of the content is fixed.
        if usize::from(fragment.header.content_len) != BeginRequest::LEN {
            return Err(ProtocolErrorKind::InvalidBeginLength);
        }
        let Some(content) = self.read_begin(fragment) else { return Ok(()) };
        let begin = BeginRequest::decode(content);
        match self.requests.by_id(id) {
            Some((_, entry)) if entry.state.send_state() != SendState::Ended => {
                return Err(ProtocolErrorKind::DuplicateRequestId);
            }
            // Apache, after an early response, starts the next request without ending the last one's input.
            Some((key, _)) => self.remove(key),
            None => {}
        }
        self.keep_conn = begin.keep_conn;
        self.accept_request(id, begin);
        Ok(())
    }

    /// The complete content of BEGIN_REQUEST, once it has arrived.
    #[inline]
    fn read_begin(&mut self, fragment: Fragment<'_>) -> Option<[u8; BeginRequest::LEN]> {
        if let Ok(content) = fragment.content.try_into() {
            return Some(content);
        }
        if fragment.is_first {
            self.begin_content.1 = 0;
        }
        let (content, len) = &mut self.begin_content;
        for (target, byte) in content.iter_mut().skip(usize::from(*len)).zip(fragment.content) {
            *target = *byte;
            *len = len.saturating_add(1);
        }
        fragment.is_last.then_some(*content)
    }

    /// Inserts the request, or rejects it if it cannot be served.
    fn accept_request(&mut self, id: RequestId, begin: BeginRequest) {
        let is_full = usize::from(self.active) >= self.config.limits.max_concurrent_requests;
        let rejection = if !self.config.roles.contains(begin.role) {
            self.rejected.unknown_role = self.rejected.unknown_role.saturating_add(1);
            Some(OverloadResponse::Status(ProtocolStatus::UNKNOWN_ROLE))
        } else if is_full {
            self.rejected.overloaded = self.rejected.overloaded.saturating_add(1);
            Some(self.config.overload_response.clone())
        } else if !self.shutdown.accepts_requests() || self.upgraded().is_some() {
            self.rejected.closing = self.rejected.closing.saturating_add(1);
            Some(self.config.overload_response.clone())
        } else {
            None
        };
        let mut state = RequestState::begin(begin.role);
        let Some(response) = rejection else {
            let key = self.requests.insert(id, state);
            self.active = self.active.saturating_add(1);
            self.incomplete_heads.push(key);
            return;
        };
        self.send_control(|connection| match response {
            OverloadResponse::Status(status) => connection.end_without_stdout(id, status),
            OverloadResponse::Stdout(text) => {
                connection.output.write_stream(RecordType::STDOUT, id, &text);
                connection.output.write_stream_end(RecordType::STDOUT, id);
                connection.end_without_stdout(id, ProtocolStatus::REQUEST_COMPLETE);
            }
        });
        // Over the limit the connection is closing, and need not track more answered requests: records with an
        // unknown id are dropped, too.
        if self.half_closed_requests() <= self.config.limits.max_half_closed_requests {
            state.answered_at_begin();
            let key = self.requests.insert(id, state);
            self.remove_if_done(key);
        }
    }

    fn params(&mut self, id: RequestId, fragment: Fragment<'_>) -> Result<RecordAction, ProtocolErrorKind> {
        let limits = self.config.limits;
        let Some((key, entry)) = self.requests.by_id(id) else { return Ok(RecordAction::Ignore) };
        if fragment.header.content_len == 0 {
            return self.params_end(key).map(|()| RecordAction::Deliver);
        }
        if entry.state.params()? == RecordAction::Ignore {
            return Ok(RecordAction::Ignore);
        }
        // Validate the bytes that fit even if not all do: which limit is exceeded first must not depend on how the
        // bytes were split.
        let room = limits.max_params_bytes.saturating_sub(entry.params.len());
        let room = room.min(limits.max_total_params_bytes.saturating_sub(self.params_bytes));
        let (fitting, excess) = fragment.content.split_at_checked(room).unwrap_or((fragment.content, &[]));
        if entry.params.is_empty() {
            entry.params = (self.config.params_buffer.allocate)();
            entry.params.reserve_exact(fitting.len());
        }
        entry.params.extend_from_slice(fitting);
        entry.params_bytes = entry.params_bytes.saturating_add(fitting.len());
        self.params_bytes = self.params_bytes.saturating_add(fitting.len());
        let reason = match entry.validator.advance(&entry.params, limits.max_params_bytes, limits.max_params)
        {
            Ok(()) if excess.is_empty() => None,
            Ok(()) | Err(ValidateError::TooLong) => Some(RejectReason::TooManyBytes),
            Err(ValidateError::TooMany) => Some(RejectReason::TooManyParams),
        };
        if let Some(reason) = reason
            && self.reject(key).is_ok()
        {
            self.events.push(Event::Rejected(key, reason));
        }
        Ok(RecordAction::Deliver)
    }

    fn params_end(&mut self, key: RequestKey) -> Result<(), ProtocolErrorKind> {
        let Ok(entry) = self.requests.by_key(key) else { return Ok(()) };
        if entry.state.send_state() == SendState::Waiting && !entry.validator.is_complete(&entry.params) {
            return Err(ProtocolErrorKind::TruncatedPair);
        }
        if entry.state.params_end()? == RecordAction::Deliver {
            self.incomplete_heads.remove(key);
            self.discarded_bytes = 0;
            let encoded = (self.config.params_buffer.freeze)(core::mem::take(&mut entry.params));
            let params = Params::from_encoded(encoded, entry.validator.pairs());
            let request = NewRequest { key, id: entry.id, role: entry.state.role(), params };
            self.events.push(Event::Request(request));
        } else {
            self.remove_if_done(key);
        }
        Ok(())
    }

    fn stdin(
        &mut self,
        id: RequestId,
        fragment: Fragment<'_>,
        owner: Option<&Bytes>,
    ) -> Result<RecordAction, ProtocolErrorKind> {
        let Some((key, entry)) = self.requests.by_id(id) else { return Ok(RecordAction::Ignore) };
        let received = if fragment.header.content_len == 0 {
            if entry.state.stdin_end()? == RecordAction::Ignore {
                self.remove_if_done(key);
                return Ok(RecordAction::Deliver);
            }
            0
        } else if entry.state.stdin()? == RecordAction::Deliver {
            entry.stdin.push(fragment.content, owner)
        } else {
            return Ok(RecordAction::Ignore);
        };
        self.unread_bytes = self.unread_bytes.saturating_add(received);
        self.queue_readable(key);
        Ok(RecordAction::Deliver)
    }

    fn data(
        &mut self,
        id: RequestId,
        fragment: Fragment<'_>,
        owner: Option<&Bytes>,
    ) -> Result<RecordAction, ProtocolErrorKind> {
        let Some((key, entry)) = self.requests.by_id(id) else { return Ok(RecordAction::Ignore) };
        let received = if fragment.header.content_len == 0 {
            if entry.state.data_end()? == RecordAction::Ignore {
                self.remove_if_done(key);
                return Ok(RecordAction::Deliver);
            }
            0
        } else if entry.state.data()? == RecordAction::Ignore {
            return Ok(RecordAction::Ignore);
        } else if entry.stdin.is_discarding() {
            return Ok(RecordAction::Deliver);
        } else {
            entry.data.get_or_insert_with(Box::default).push(fragment.content, owner)
        };
        self.unread_bytes = self.unread_bytes.saturating_add(received);
        self.queue_readable(key);
        Ok(RecordAction::Deliver)
    }

    fn abort(&mut self, id: RequestId) {
        // An unknown id belongs to an answered request: ABORT_REQUEST and END_REQUEST crossed.
        let Some((key, entry)) = self.requests.by_id(id) else { return };
        match entry.state.abort() {
            AbortAction::EndNow => {
                self.incomplete_heads.remove(key);
                self.active = self.active.saturating_sub(1);
                self.release_params(key);
                self.send_control(|connection| {
                    connection.end_without_stdout(id, ProtocolStatus::REQUEST_COMPLETE)
                });
                self.remove_if_done(key);
            }
            // A repeated ABORT_REQUEST must not fill the queue.
            AbortAction::Notify if entry.abort_notified => {}
            AbortAction::Notify => {
                entry.abort_notified = true;
                self.events.push(Event::Aborted(key));
            }
            AbortAction::Ignore => self.remove_if_done(key),
        }
    }

    fn queue_readable(&mut self, key: RequestKey) {
        if let Ok(entry) = self.requests.by_key(key)
            && !entry.readable_queued
            && !entry.stdin.is_discarding()
        {
            entry.readable_queued = true;
            self.events.push(Event::BodyReadable(key));
        }
    }
}

/// Bytes on the wire of a dropped fragment. The end of a stream does not count: every late body has one.
fn wire_len(Fragment { header, content, is_first, .. }: Fragment<'_>) -> u64 {
    let overhead = if is_first && header.content_len > 0 {
        u64::try_from(RecordHeader::LEN).unwrap_or(0).saturating_add(header.padding_len.into())
    } else {
        0
    };
    u64::try_from(content.len()).unwrap_or(u64::MAX).saturating_add(overhead)
}
