//! Records in: each goes to its request, and what the request's state makes of it is done here.

use alloc::boxed::Box;

use bytes::Bytes;

use super::event::{Event, NewRequest, Refusal};
use super::request_state::{Abort, Content, Output, Request};
use super::{Closing, Connection, Key, Overload};
use crate::codec::Fragment;
use crate::error::{Rule, Violation};
use crate::name_value::ScanError;
use crate::params::Params;
use crate::record::{BeginRequest, ProtocolStatus, RecordHeader, RecordType, RequestId, Sender};

impl Connection {
    pub(super) fn receive_from(&mut self, mut input: &[u8], owner: Option<&Bytes>) -> Result<(), Violation> {
        if let Some(violation) = self.broken {
            return Err(violation);
        }
        loop {
            let fragment = match self.deframer.next(&mut input) {
                Ok(Some(fragment)) => fragment,
                Ok(None) => return Ok(()),
                Err(violation) => return Err(self.broken(violation)),
            };
            match self.fragment(fragment, owner) {
                Ok(Content::Keep) => {}
                Ok(Content::Drop) => self.discarded = self.discarded.saturating_add(cost(fragment)),
                Err(rule) => return Err(self.broken(Violation { rule, id: fragment.header.id })),
            }
        }
    }

    const fn broken(&mut self, violation: Violation) -> Violation {
        self.broken = Some(violation);
        violation
    }

    fn fragment(&mut self, fragment: Fragment<'_>, owner: Option<&Bytes>) -> Result<Content, Rule> {
        let RecordHeader { kind, id, .. } = fragment.header;
        // FastCGI §3.3: the null id is for management records, and these have no other.
        if id.is_null() || kind == RecordType::GET_VALUES {
            return self.management_record(fragment).map(|()| Content::Keep);
        }
        match kind {
            RecordType::PARAMS => self.params(id, fragment),
            RecordType::STDIN => self.stdin(id, fragment, owner),
            RecordType::BEGIN_REQUEST => self.begin(id, fragment).map(|()| Content::Keep),
            RecordType::DATA => self.data(id, fragment, owner),
            RecordType::ABORT_REQUEST if fragment.ends => {
                self.abort(id);
                Ok(Content::Keep)
            }
            _ if kind.sender() == Sender::Application => Err(Rule::Direction),
            // FastCGI §4.2 answers unknown types of management records alone; of a request's it says nothing,
            // so that a later version's additions do no harm.
            _ => Ok(Content::Drop),
        }
    }

    fn begin(&mut self, id: RequestId, fragment: Fragment<'_>) -> Result<(), Rule> {
        if usize::from(fragment.header.content_len) != BeginRequest::LEN {
            return Err(Rule::BeginLength);
        }
        let Some(content) = self.begin_content(fragment) else { return Ok(()) };
        let begin = BeginRequest::decode(content);
        match self.table.by_id(id) {
            Some((_, entry)) if entry.state.output() != Output::Ended => return Err(Rule::BeginTwice),
            // The web server has gone on to its next request without ending this one's input: Apache does,
            // after an early answer.
            Some((key, _)) => self.forget(key),
            None => {}
        }
        self.keep_conn = begin.keep_conn;
        self.admit(id, begin);
        Ok(())
    }

    /// All of a BEGIN_REQUEST's content, once it is there.
    #[inline]
    fn begin_content(&mut self, fragment: Fragment<'_>) -> Option<[u8; BeginRequest::LEN]> {
        if let Ok(whole) = fragment.content.try_into() {
            return Some(whole);
        }
        if fragment.starts {
            self.begin.1 = 0;
        }
        let (content, have) = &mut self.begin;
        for (place, byte) in content.iter_mut().skip(usize::from(*have)).zip(fragment.content) {
            *place = *byte;
            *have = have.saturating_add(1);
        }
        fragment.ends.then_some(*content)
    }

    /// Puts the request in the table, answered at once if it cannot be served.
    fn admit(&mut self, id: RequestId, begin: BeginRequest) {
        let full = usize::from(self.live) >= self.config.limits.requests;
        let rejected = if !self.config.roles.contains(begin.role) {
            Some(Overload::Status(ProtocolStatus::UNKNOWN_ROLE))
        } else if full || !self.closing.takes_requests() {
            Some(self.config.overload.clone())
        } else {
            None
        };
        let mut request = Request::begin(begin.role);
        let Some(answer) = rejected else {
            let key = self.table.insert(id, request);
            self.live = self.live.saturating_add(1);
            self.heads.push(key);
            return;
        };
        self.answer_here(|connection| match answer {
            Overload::Status(status) => connection.put_end(id, 0, status),
            Overload::Stdout(text) => {
                connection.output.stream(RecordType::STDOUT, id, &text);
                connection.output.end_stream(RecordType::STDOUT, id);
                connection.put_end(id, 0, ProtocolStatus::REQUEST_COMPLETE);
            }
        });
        // Past the bound the connection is on its way out, and need not know which of the answered ids go on
        // sending: records of ids that are not in the table are dropped all the same.
        if self.unfinished() <= self.config.limits.unfinished {
            request.reject();
            let key = self.table.insert(id, request);
            self.settle(key);
        }
    }

    fn params(&mut self, id: RequestId, fragment: Fragment<'_>) -> Result<Content, Rule> {
        let limits = self.config.limits;
        let Some((key, entry)) = self.table.by_id(id) else { return Ok(Content::Drop) };
        if fragment.header.content_len == 0 {
            return self.params_end(key).map(|()| Content::Keep);
        }
        if entry.state.params()? == Content::Drop {
            return Ok(Content::Drop);
        }
        // What fits is looked at also where not all of it does: which limit is passed first must not hang on
        // how the bytes were cut.
        let room = limits.params_bytes.saturating_sub(entry.params.len());
        let room = room.min(limits.all_params_bytes.saturating_sub(self.held_params));
        let (fitting, over) = fragment.content.split_at_checked(room).unwrap_or((fragment.content, &[]));
        if entry.params.is_empty() {
            entry.params = (self.config.memory.take)();
            entry.params.reserve_exact(fitting.len());
        }
        entry.params.extend_from_slice(fitting);
        entry.held_params = entry.held_params.saturating_add(fitting.len());
        self.held_params = self.held_params.saturating_add(fitting.len());
        let refusal = match entry.scan.advance(&entry.params, limits.params_bytes, limits.params_pairs) {
            Ok(()) if over.is_empty() => None,
            Ok(()) | Err(ScanError::TooLong) => Some(Refusal::ParamsBytes),
            Err(ScanError::TooMany) => Some(Refusal::ParamsPairs),
        };
        if let Some(refusal) = refusal
            && self.refuse(key).is_ok()
        {
            self.events.push(Event::Refused(key, refusal));
        }
        Ok(Content::Keep)
    }

    fn params_end(&mut self, key: Key) -> Result<(), Rule> {
        let Ok(entry) = self.table.by_key(key) else { return Ok(()) };
        if entry.state.output() == Output::Waiting && !entry.scan.is_whole(&entry.params) {
            return Err(Rule::PairTruncated);
        }
        if entry.state.params_end()? == Content::Keep {
            self.heads.remove(key);
            self.discarded = 0;
            let encoded = (self.config.memory.share)(core::mem::take(&mut entry.params));
            let params = Params::from_whole(encoded, entry.scan.pairs());
            let request = NewRequest { key, id: entry.id, role: entry.state.role(), params };
            self.events.push(Event::Request(request));
        } else {
            self.settle(key);
        }
        Ok(())
    }

    fn stdin(
        &mut self,
        id: RequestId,
        fragment: Fragment<'_>,
        owner: Option<&Bytes>,
    ) -> Result<Content, Rule> {
        let Some((key, entry)) = self.table.by_id(id) else { return Ok(Content::Drop) };
        let charged = if fragment.header.content_len == 0 {
            if entry.state.stdin_end()? == Content::Drop {
                self.settle(key);
                return Ok(Content::Keep);
            }
            0
        } else if entry.state.stdin()? == Content::Keep {
            entry.stdin.push(fragment.content, owner)
        } else {
            return Ok(Content::Drop);
        };
        self.unread = self.unread.saturating_add(charged);
        self.announce(key);
        Ok(Content::Keep)
    }

    fn data(
        &mut self,
        id: RequestId,
        fragment: Fragment<'_>,
        owner: Option<&Bytes>,
    ) -> Result<Content, Rule> {
        let Some((key, entry)) = self.table.by_id(id) else { return Ok(Content::Drop) };
        let charged = if fragment.header.content_len == 0 {
            if entry.state.data_end()? == Content::Drop {
                self.settle(key);
                return Ok(Content::Keep);
            }
            0
        } else if entry.state.data()? == Content::Drop {
            return Ok(Content::Drop);
        } else if entry.stdin.discards() {
            return Ok(Content::Keep);
        } else {
            entry.data.get_or_insert_with(Box::default).push(fragment.content, owner)
        };
        self.unread = self.unread.saturating_add(charged);
        self.announce(key);
        Ok(Content::Keep)
    }

    fn abort(&mut self, id: RequestId) {
        // An id that is not in the table was answered: the two records crossed.
        let Some((key, entry)) = self.table.by_id(id) else { return };
        match entry.state.abort() {
            Abort::EndHere => {
                self.heads.remove(key);
                self.live = self.live.saturating_sub(1);
                self.release_params(key);
                self.answer_here(|connection| connection.put_end(id, 0, ProtocolStatus::REQUEST_COMPLETE));
                self.settle(key);
            }
            // A peer may repeat itself as often as it likes.
            Abort::TellApplication if entry.told_of_abort => {}
            Abort::TellApplication => {
                entry.told_of_abort = true;
                self.events.push(Event::Abort(key));
            }
            Abort::Ignore => self.settle(key),
        }
    }

    /// Runs what queues an answer that no application gives, and holds it against
    /// [`Limits::answers_bytes`](crate::Limits::answers_bytes).
    pub(super) fn answer_here(&mut self, answer: impl FnOnce(&mut Self)) {
        let before = self.output.len();
        answer(self);
        let added = self.output.len().saturating_sub(before);
        self.answered_here = self.answered_here.min(before).saturating_add(added);
    }

    fn announce(&mut self, key: Key) {
        if let Ok(entry) = self.table.by_key(key)
            && !entry.announced
            && !entry.stdin.discards()
        {
            entry.announced = true;
            self.events.push(Event::Body(key));
        }
    }

    /// Takes the request out of the table if it is over, and holds the bound on those that are only half
    /// over.
    pub(super) fn settle(&mut self, key: Key) {
        let Ok(entry) = self.table.by_key(key) else { return };
        if entry.state.is_over() {
            self.forget(key);
        } else if self.unfinished() > self.config.limits.unfinished && self.closing.takes_requests() {
            self.closing = Closing::Orderly;
        }
    }

    fn forget(&mut self, key: Key) {
        let charge = self.table.remove(key).unwrap_or(0);
        self.unread = self.unread.saturating_sub(charge);
    }
}

/// Bytes on the wire of a piece that is dropped. The end of a stream, which a late body has to have, costs nothing.
fn cost(Fragment { header, content, starts, .. }: Fragment<'_>) -> u64 {
    let around = if starts && header.content_len > 0 {
        u64::try_from(RecordHeader::LEN).unwrap_or(0).saturating_add(header.padding_len.into())
    } else {
        0
    };
    u64::try_from(content.len()).unwrap_or(u64::MAX).saturating_add(around)
}
