//! Commands: what the application does with its requests.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;

use super::request_state::Input;
use super::requests::{Entry, NOT_BEGUN};
use super::{Closing, Connection, Key};
use crate::error::Misuse;
use crate::record::{EndRequest, ProtocolStatus, RecordType, RequestId, Role};

/// Whether more of a stream is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyState {
    /// Its terminal record has not been received.
    Open,
    /// Its terminal record was received: what was read is all.
    Ended,
    /// The web server gave the request up: what was read may not be all.
    Aborted,
}

impl Connection {
    /// Moves the unread bytes of a request's STDIN to the end of `into`, and says whether they are the last.
    /// They stay charged until they are [consumed](Self::consumed). Not to call it is how a body is held
    /// back. Small pieces are put together, also with the last one that `into` holds.
    ///
    /// # Errors
    /// [`Misuse::TooEarly`] before the end of PARAMS, [`Misuse::Gone`] if the request is over or answered.
    pub fn read_body(&mut self, key: Key, into: &mut VecDeque<Bytes>) -> Result<BodyState, Misuse> {
        let entry = self.open(key)?;
        entry.announced = false;
        entry.stdin.read(into);
        Ok(match entry.state.input() {
            Input::Params | Input::Stdin => BodyState::Open,
            Input::Data | Input::Ended => BodyState::Ended,
            Input::Aborted => BodyState::Aborted,
        })
    }

    /// As [`read_body`](Self::read_body), of a Filter's DATA (FastCGI §6.4). For other roles it has ended
    /// from the start.
    ///
    /// # Errors
    /// [`Misuse::TooEarly`] before the end of PARAMS, [`Misuse::Gone`] if the request is over or answered.
    pub fn read_data(&mut self, key: Key, into: &mut VecDeque<Bytes>) -> Result<BodyState, Misuse> {
        let entry = self.open(key)?;
        entry.announced = false;
        if let Some(data) = &mut entry.data {
            data.read(into);
        }
        Ok(match (entry.state.input(), entry.state.role()) {
            (Input::Aborted, _) => BodyState::Aborted,
            (Input::Params | Input::Stdin | Input::Data, Role::FILTER) => BodyState::Open,
            _ => BodyState::Ended,
        })
    }

    /// The application has used `bytes` of what it read, so that input may flow again.
    ///
    /// Says nothing if the request is over: its charge went with it.
    pub fn consumed(&mut self, key: Key, bytes: usize) {
        let Ok(entry) = self.table.by_key(key) else { return };
        let of_stdin = entry.stdin.consumed(bytes);
        let rest = bytes.saturating_sub(of_stdin);
        let of_data = entry.data.as_mut().map_or(0, |data| data.consumed(rest));
        self.unread = self.unread.saturating_sub(of_stdin).saturating_sub(of_data);
    }

    /// The application will read no more of this request's bodies: what is there and what is to come of them
    /// is dropped, and holds nobody up.
    ///
    /// # Errors
    /// [`Misuse::TooEarly`] before the end of PARAMS, [`Misuse::Gone`] if the request is over or answered.
    pub fn discard_body(&mut self, key: Key) -> Result<(), Misuse> {
        let freed = self.open(key)?.discard();
        self.unread = self.unread.saturating_sub(freed);
        Ok(())
    }

    /// Queues a part of the response, copied.
    ///
    /// # Errors
    /// [`Misuse::TooEarly`] before the end of PARAMS, [`Misuse::Gone`] after the end of the request.
    pub fn stdout(&mut self, key: Key, content: &[u8]) -> Result<(), Misuse> {
        let id = self.begin_response(key)?;
        self.output.stream(RecordType::STDOUT, id, content);
        Ok(())
    }

    /// Queues a part of the response that `write` appends to the buffer it is given; it must only append.
    ///
    /// # Errors
    /// As [`stdout`](Self::stdout); `write` is not called then.
    pub fn stdout_with(&mut self, key: Key, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), Misuse> {
        let id = self.begin_response(key)?;
        self.output.stream_with(RecordType::STDOUT, id, write);
        Ok(())
    }

    /// Queues a part of the response; from [`Enframer::LARGE`](crate::Enframer::LARGE) bytes on without a
    /// copy.
    ///
    /// # Errors
    /// As [`stdout`](Self::stdout).
    pub fn stdout_bytes(&mut self, key: Key, content: Bytes) -> Result<(), Misuse> {
        let id = self.begin_response(key)?;
        self.output.stream_bytes(RecordType::STDOUT, id, content);
        Ok(())
    }

    /// Replaces all that was queued of the response by `content`, if none of it was written: if
    /// [`output`](Self::output) was not [advanced](crate::Enframer::advance) beyond where the response begins. So a response
    /// that fails can still become an error page, or with an empty `content` none at all.
    ///
    /// `content` has the place of what it replaces: STDERR that was queued before the response stays before it,
    /// and what was queued behind it stays behind. Other requests' records are not touched.
    ///
    /// `false`: some of the response was written already, and nothing changes. What is left then is to
    /// [cut it off](Self::fail).
    ///
    /// # Errors
    /// As [`stdout`](Self::stdout).
    pub fn replace_response(&mut self, key: Key, content: &[u8]) -> Result<bool, Misuse> {
        let entry = self.open(key)?;
        let (id, begins) = (entry.id, entry.response_at);
        if begins == NOT_BEGUN {
            return self.stdout(key, content).map(|()| true);
        }
        let mut others: Vec<_> = self.table.responses_at().filter(|other| **other > begins).collect();
        others.sort_unstable();
        Ok(self.output.replace_stream((RecordType::STDOUT, id), begins, content, others))
    }

    /// Queues a part of the error text, which the web server writes to its log, in records of at most
    /// [`Limits::stderr_record`](crate::Limits::stderr_record) bytes.
    ///
    /// # Errors
    /// As [`stdout`](Self::stdout).
    pub fn stderr(&mut self, key: Key, content: &[u8]) -> Result<(), Misuse> {
        let id = self.open(key)?.id;
        self.output.stderr(id, content, self.config.limits.stderr_record);
        Ok(())
    }

    /// Ends the request with `REQUEST_COMPLETE`: the end of STDOUT, then END_REQUEST with `app_status`, what
    /// a CGI program would have returned from `exit` (FastCGI §5.5). STDERR needs no end where it was not
    /// used, and web servers take none to be missing where it was (§3.3 asks for one only of streams in use;
    /// nginx, Apache and PHP agree).
    ///
    /// The input is not waited for: what still comes of it is dropped.
    ///
    /// # Errors
    /// As [`stdout`](Self::stdout).
    pub fn end(&mut self, key: Key, app_status: u32) -> Result<(), Misuse> {
        let entry = self.table.by_key(key)?;
        entry.state.end()?;
        let end = EndRequest { app_status, protocol_status: ProtocolStatus::REQUEST_COMPLETE };
        self.output.end_request(entry.id, end);
        self.retire(key);
        Ok(())
    }

    /// Cuts the answer off: no END_REQUEST is sent, since nginx takes a partial answer with one for whole,
    /// whatever its status. The connection takes no more requests and, after those that are alive, ends such
    /// that the web server notices: [`Close::Abortive`](super::Close::Abortive).
    ///
    /// # Errors
    /// As [`stdout`](Self::stdout).
    pub fn fail(&mut self, key: Key) -> Result<(), Misuse> {
        self.table.by_key(key)?.state.fail()?;
        self.closing = Closing::Abortive;
        self.retire(key);
        Ok(())
    }

    /// Leaves an answer as it is that has begun, and whose request the web server has given up with
    /// ABORT_REQUEST. No END_REQUEST is sent: HAProxy aborts what is under way when it is reloaded, goes on to
    /// give its clients what comes, and takes an END_REQUEST for the end of a whole answer. It takes an end of
    /// the stream for what it is, so the connection ends in good order once no request is alive. Until
    /// then it takes further ones, for a client that goes away must not cost others theirs.
    ///
    /// An answer of which nothing was written can be [taken back](Self::replace_response) and
    /// [ended](Self::end) instead: an empty one cannot be mistaken for a whole one.
    ///
    /// # Errors
    /// As [`stdout`](Self::stdout).
    pub fn abandon(&mut self, key: Key) -> Result<(), Misuse> {
        self.table.by_key(key)?.state.fail()?;
        if self.closing.takes_requests() {
            self.closing = Closing::WhenIdle;
        }
        self.retire(key);
        Ok(())
    }

    /// Lets a request be answered whose PARAMS have not ended, for instance because they take too long. What
    /// is still to come of its PARAMS and bodies is dropped.
    ///
    /// # Errors
    /// [`Misuse::Gone`] if the PARAMS have ended, or the request is over.
    pub fn refuse(&mut self, key: Key) -> Result<(), Misuse> {
        let entry = self.table.by_key(key)?;
        entry.state.refuse()?;
        entry.params = Vec::new();
        entry.discard();
        self.heads.remove(key);
        self.release_params(key);
        Ok(())
    }

    /// The request, if it may be answered.
    fn open(&mut self, key: Key) -> Result<&mut Entry, Misuse> {
        let entry = self.table.by_key(key)?;
        entry.state.answer()?;
        Ok(entry)
    }

    /// The request's id, if it may be answered. Notes where its response begins.
    fn begin_response(&mut self, key: Key) -> Result<RequestId, Misuse> {
        let entry = self.table.by_key(key)?;
        entry.state.answer()?;
        if entry.response_at == NOT_BEGUN {
            entry.response_at = self.output.position();
            // So that a record begins there, whatever comes first.
            self.output.seal();
        }
        Ok(entry.id)
    }

    /// A request has stopped to be live.
    fn retire(&mut self, key: Key) {
        self.live = self.live.saturating_sub(1);
        let Ok(entry) = self.table.by_key(key) else { return };
        let freed = entry.discard();
        self.unread = self.unread.saturating_sub(freed);
        self.release_params(key);
        self.settle(key);
    }

    /// A request's PARAMS are gone, or about to be: others may have as many.
    pub(super) fn release_params(&mut self, key: Key) {
        let Ok(entry) = self.table.by_key(key) else { return };
        let freed = core::mem::take(&mut entry.held_params);
        self.held_params = self.held_params.saturating_sub(freed);
    }

    pub(super) fn put_end(&mut self, id: RequestId, app_status: u32, protocol_status: ProtocolStatus) {
        let end = EndRequest { app_status, protocol_status };
        self.output.record(RecordType::END_REQUEST, id, &end.encode());
    }
}
