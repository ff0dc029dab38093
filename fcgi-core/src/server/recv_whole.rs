//! Receives a request whose records all arrive in one read, as most requests without a body do.
//!
//! A fast path: its result is that of [`recv`](super::recv), which handles the same records one by one.

use super::connection::Connection;
use super::event::{Event, NewRequest};
use super::request_state::RequestState;
use crate::codec::{WholeRecord, whole_record};
use crate::name_value::PairValidator;
use crate::params::Params;
use crate::record::{BeginRequest, RecordType, RequestId, Role};

impl Connection {
    /// Receives the request at the front of `input`, and returns the input after it. `None` if it must be received record by
    /// record, because it is incomplete, has a body, is not a Responder's, would fail, or other requests are in the table.
    pub(super) fn receive_whole<'a>(&mut self, input: &'a [u8]) -> Option<&'a [u8]> {
        if self.requests.len() > 0 || !self.decoder.is_between_records() || !self.shutdown.accepts_requests()
        {
            return None;
        }
        let WholeRecord { header, content, rest } = whole_record(input).ok()??;
        let id = header.id;
        let begin = BeginRequest::decode(content.try_into().ok()?);
        let limits = &self.config.limits;
        if header.kind != RecordType::BEGIN_REQUEST
            || id.is_null()
            || begin.role != Role::RESPONDER
            || !self.config.roles.contains(begin.role)
            || limits.max_concurrent_requests == 0
        {
            return None;
        }
        let (content, rest) = content_of(RecordType::PARAMS, id, rest)?;
        let rest = end_of(RecordType::PARAMS, id, rest)?;
        let rest = end_of(RecordType::STDIN, id, rest)?;
        if content.is_empty() || content.len() > limits.max_params_bytes.min(limits.max_total_params_bytes) {
            return None;
        }
        let mut validator = PairValidator::default();
        validator.advance(content, limits.max_params_bytes, limits.max_params).ok()?;
        if !validator.is_complete(content) {
            return None;
        }
        let mut state = RequestState::begin(begin.role);
        state.params_end().ok()?;
        state.stdin_end().ok()?;
        let key = self.requests.insert(id, state);
        let entry = self.requests.by_key(key).ok()?;
        entry.params_bytes = content.len();
        entry.readable_queued = true;
        self.active = 1;
        self.params_bytes = content.len();
        self.keep_conn = begin.keep_conn;
        self.discarded_bytes = 0;
        let mut encoded = (self.config.params_buffer.allocate)();
        encoded.reserve_exact(content.len());
        encoded.extend_from_slice(content);
        let params = Params::from_encoded((self.config.params_buffer.freeze)(encoded), validator.pairs());
        self.events.push(Event::Request(NewRequest { key, id, role: begin.role, params }));
        self.events.push(Event::BodyReadable(key));
        Some(rest)
    }
}

/// The content of the record at the front of `input`, if it has this type and id, and the input after it.
#[inline]
fn content_of(kind: RecordType, id: RequestId, input: &[u8]) -> Option<(&[u8], &[u8])> {
    let WholeRecord { header, content, rest } = whole_record(input).ok()??;
    (header.kind == kind && header.id == id).then_some((content, rest))
}

/// The input after the empty record at its front that ends a stream.
#[inline]
fn end_of(kind: RecordType, id: RequestId, input: &[u8]) -> Option<&[u8]> {
    let (content, rest) = content_of(kind, id, input)?;
    content.is_empty().then_some(rest)
}
