//! Records in: each goes to its request, and what the request's state makes of it is done here.

use alloc::boxed::Box;

use bytes::Bytes;

use super::event::{Event, NewRequest, RejectReason};
use super::request_state::{AbortAction, RecordAction, RequestState, SendState};
use super::{Connection, OverloadResponse, RequestKey, Shutdown};
use crate::codec::Fragment;
use crate::error::{ProtocolError, ProtocolErrorKind};
use crate::name_value::ValidateError;
use crate::params::Params;
use crate::record::{BeginRequest, Direction, ProtocolStatus, RecordHeader, RecordType, RequestId};

impl Connection {
    pub(super) fn receive_from(
        &mut self,
        mut input: &[u8],
        owner: Option<&Bytes>,
    ) -> Result<(), ProtocolError> {
        if let Some(violation) = self.protocol_error {
            return Err(violation);
        }
        loop {
            let fragment = match self.decoder.next(&mut input) {
                Ok(Some(fragment)) => fragment,
                Ok(None) => return Ok(()),
                Err(violation) => return Err(self.fail(violation)),
            };
            match self.fragment(fragment, owner) {
                Ok(RecordAction::Deliver) => {}
                Ok(RecordAction::Ignore) => {
                    self.discarded_bytes = self.discarded_bytes.saturating_add(cost(fragment))
                }
                Err(rule) => {
                    return Err(self.fail(ProtocolError { kind: rule, request_id: fragment.header.id }));
                }
            }
        }
    }

    const fn fail(&mut self, violation: ProtocolError) -> ProtocolError {
        self.protocol_error = Some(violation);
        violation
    }

    fn fragment(
        &mut self,
        fragment: Fragment<'_>,
        owner: Option<&Bytes>,
    ) -> Result<RecordAction, ProtocolErrorKind> {
        let RecordHeader { kind, id, .. } = fragment.header;
        // FastCGI §3.3: the null id is for management records, and these have no other.
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
            // FastCGI §4.2 answers unknown types of management records alone; of a request's it says nothing,
            // so that a later version's additions do no harm.
            _ => Ok(RecordAction::Ignore),
        }
    }

    fn begin(&mut self, id: RequestId, fragment: Fragment<'_>) -> Result<(), ProtocolErrorKind> {
        if usize::from(fragment.header.content_len) != BeginRequest::LEN {
            return Err(ProtocolErrorKind::InvalidBeginLength);
        }
        let Some(content) = self.read_begin(fragment) else { return Ok(()) };
        let begin = BeginRequest::decode(content);
        match self.requests.by_id(id) {
            Some((_, entry)) if entry.state.output() != SendState::Ended => {
                return Err(ProtocolErrorKind::DuplicateRequestId);
            }
            // The web server has gone on to its next request without ending this one's input: Apache does,
            // after an early answer.
            Some((key, _)) => self.remove(key),
            None => {}
        }
        self.keep_conn = begin.keep_conn;
        self.accept_request(id, begin);
        Ok(())
    }

    /// All of a BEGIN_REQUEST's content, once it is there.
    #[inline]
    fn read_begin(&mut self, fragment: Fragment<'_>) -> Option<[u8; BeginRequest::LEN]> {
        if let Ok(whole) = fragment.content.try_into() {
            return Some(whole);
        }
        if fragment.is_first {
            self.begin_content.1 = 0;
        }
        let (content, have) = &mut self.begin_content;
        for (place, byte) in content.iter_mut().skip(usize::from(*have)).zip(fragment.content) {
            *place = *byte;
            *have = have.saturating_add(1);
        }
        fragment.is_last.then_some(*content)
    }

    /// Puts the request in the table, answered at once if it cannot be served.
    fn accept_request(&mut self, id: RequestId, begin: BeginRequest) {
        let full = usize::from(self.active) >= self.config.limits.max_concurrent_requests;
        let rejected = if !self.config.roles.contains(begin.role) {
            Some(OverloadResponse::Status(ProtocolStatus::UNKNOWN_ROLE))
        } else if full || !self.shutdown.accepts_requests() {
            Some(self.config.overload_response.clone())
        } else {
            None
        };
        let mut request = RequestState::begin(begin.role);
        let Some(answer) = rejected else {
            let key = self.requests.insert(id, request);
            self.active = self.active.saturating_add(1);
            self.incomplete_heads.push(key);
            return;
        };
        self.send_control(|connection| match answer {
            OverloadResponse::Status(status) => connection.write_end_request(id, 0, status),
            OverloadResponse::Stdout(text) => {
                connection.output.write_stream(RecordType::STDOUT, id, &text);
                connection.output.write_stream_end(RecordType::STDOUT, id);
                connection.write_end_request(id, 0, ProtocolStatus::REQUEST_COMPLETE);
            }
        });
        // Past the bound the connection is on its way out, and need not know which of the answered ids go on
        // sending: records of ids that are not in the table are dropped all the same.
        if self.half_closed_requests() <= self.config.limits.max_half_closed_requests {
            request.answered_at_begin();
            let key = self.requests.insert(id, request);
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
        // What fits is looked at also where not all of it does: which limit is passed first must not hang on
        // how the bytes were cut.
        let room = limits.max_params_bytes.saturating_sub(entry.params.len());
        let room = room.min(limits.max_total_params_bytes.saturating_sub(self.params_bytes));
        let (fitting, over) = fragment.content.split_at_checked(room).unwrap_or((fragment.content, &[]));
        if entry.params.is_empty() {
            entry.params = (self.config.params_buffer.allocate)();
            entry.params.reserve_exact(fitting.len());
        }
        entry.params.extend_from_slice(fitting);
        entry.params_bytes = entry.params_bytes.saturating_add(fitting.len());
        self.params_bytes = self.params_bytes.saturating_add(fitting.len());
        let refusal = match entry.validator.advance(&entry.params, limits.max_params_bytes, limits.max_params)
        {
            Ok(()) if over.is_empty() => None,
            Ok(()) | Err(ValidateError::TooLong) => Some(RejectReason::TooManyBytes),
            Err(ValidateError::TooMany) => Some(RejectReason::TooManyParams),
        };
        if let Some(refusal) = refusal
            && self.reject(key).is_ok()
        {
            self.events.push(Event::Rejected(key, refusal));
        }
        Ok(RecordAction::Deliver)
    }

    fn params_end(&mut self, key: RequestKey) -> Result<(), ProtocolErrorKind> {
        let Ok(entry) = self.requests.by_key(key) else { return Ok(()) };
        if entry.state.output() == SendState::Waiting && !entry.validator.is_complete(&entry.params) {
            return Err(ProtocolErrorKind::TruncatedPair);
        }
        if entry.state.params_end()? == RecordAction::Deliver {
            self.incomplete_heads.remove(key);
            self.discarded_bytes = 0;
            let encoded = (self.config.params_buffer.freeze)(core::mem::take(&mut entry.params));
            let params = Params::from_whole(encoded, entry.validator.pairs());
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
        let charged = if fragment.header.content_len == 0 {
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
        self.unread_bytes = self.unread_bytes.saturating_add(charged);
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
        let charged = if fragment.header.content_len == 0 {
            if entry.state.data_end()? == RecordAction::Ignore {
                self.remove_if_done(key);
                return Ok(RecordAction::Deliver);
            }
            0
        } else if entry.state.data()? == RecordAction::Ignore {
            return Ok(RecordAction::Ignore);
        } else if entry.stdin.discards() {
            return Ok(RecordAction::Deliver);
        } else {
            entry.data.get_or_insert_with(Box::default).push(fragment.content, owner)
        };
        self.unread_bytes = self.unread_bytes.saturating_add(charged);
        self.queue_readable(key);
        Ok(RecordAction::Deliver)
    }

    fn abort(&mut self, id: RequestId) {
        // An id that is not in the table was answered: the two records crossed.
        let Some((key, entry)) = self.requests.by_id(id) else { return };
        match entry.state.abort() {
            AbortAction::EndNow => {
                self.incomplete_heads.remove(key);
                self.active = self.active.saturating_sub(1);
                self.release_params(key);
                self.send_control(|connection| {
                    connection.write_end_request(id, 0, ProtocolStatus::REQUEST_COMPLETE)
                });
                self.remove_if_done(key);
            }
            // A peer may repeat itself as often as it likes.
            AbortAction::Notify if entry.abort_notified => {}
            AbortAction::Notify => {
                entry.abort_notified = true;
                self.events.push(Event::Aborted(key));
            }
            AbortAction::Ignore => self.remove_if_done(key),
        }
    }

    /// Runs what queues an answer that no application gives, and holds it against
    /// [`Limits::max_control_bytes`](crate::Limits::max_control_bytes).
    pub(super) fn send_control(&mut self, answer: impl FnOnce(&mut Self)) {
        let before = self.output.len();
        answer(self);
        let added = self.output.len().saturating_sub(before);
        self.control_bytes = self.control_bytes.min(before).saturating_add(added);
    }

    fn queue_readable(&mut self, key: RequestKey) {
        if let Ok(entry) = self.requests.by_key(key)
            && !entry.readable_queued
            && !entry.stdin.discards()
        {
            entry.readable_queued = true;
            self.events.push(Event::BodyReadable(key));
        }
    }

    /// Takes the request out of the table if it is over, and holds the bound on those that are only half
    /// over.
    pub(super) fn remove_if_done(&mut self, key: RequestKey) {
        let Ok(entry) = self.requests.by_key(key) else { return };
        if entry.state.is_over() {
            self.remove(key);
        } else if self.half_closed_requests() > self.config.limits.max_half_closed_requests
            && self.shutdown.accepts_requests()
        {
            self.shutdown = Shutdown::Graceful;
        }
    }

    fn remove(&mut self, key: RequestKey) {
        let charge = self.requests.remove(key).unwrap_or(0);
        self.unread_bytes = self.unread_bytes.saturating_sub(charge);
    }
}

/// Bytes on the wire of a piece that is dropped. The end of a stream, which a late body has to have, costs nothing.
fn cost(Fragment { header, content, is_first: starts, .. }: Fragment<'_>) -> u64 {
    let around = if starts && header.content_len > 0 {
        u64::try_from(RecordHeader::LEN).unwrap_or(0).saturating_add(header.padding_len.into())
    } else {
        0
    };
    u64::try_from(content.len()).unwrap_or(u64::MAX).saturating_add(around)
}
