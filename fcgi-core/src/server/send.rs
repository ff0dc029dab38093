//! Commands: what the application does with its requests.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;

use super::request_state::RecvState;
use super::requests::{Entry, NOT_STARTED};
use super::{Connection, RequestKey, Shutdown};
use crate::error::UserError;
use crate::record::{EndRequest, ProtocolStatus, RecordType, RequestId, Role};

/// Whether more of a stream is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamState {
    /// Its terminal record has not been received.
    Open,
    /// Its terminal record was received: what was read is all.
    Ended,
    /// The web server gave the request up: what was read may not be all.
    Aborted,
}

impl Connection {
    /// Moves the unread bytes of a request's STDIN to the end of `into`, and says whether they are the last.
    /// They stay charged until they are [consumed](Self::release_capacity). Not to call it is how a body is held
    /// back. Small pieces are put together, also with the last one that `into` holds.
    ///
    /// # Errors
    /// [`UserError::StreamNotOpen`] before the end of PARAMS, [`UserError::RequestClosed`] if the request is over or answered.
    pub fn read_body(
        &mut self,
        key: RequestKey,
        into: &mut VecDeque<Bytes>,
    ) -> Result<StreamState, UserError> {
        let entry = self.writable(key)?;
        entry.readable_queued = false;
        entry.stdin.read(into);
        Ok(match entry.state.input() {
            RecvState::Params | RecvState::Stdin => StreamState::Open,
            RecvState::Data | RecvState::Ended => StreamState::Ended,
            RecvState::Aborted => StreamState::Aborted,
        })
    }

    /// As [`read_body`](Self::read_body), of a Filter's DATA (FastCGI §6.4). For other roles it has ended
    /// from the start.
    ///
    /// # Errors
    /// [`UserError::StreamNotOpen`] before the end of PARAMS, [`UserError::RequestClosed`] if the request is over or answered.
    pub fn read_data(
        &mut self,
        key: RequestKey,
        into: &mut VecDeque<Bytes>,
    ) -> Result<StreamState, UserError> {
        let entry = self.writable(key)?;
        entry.readable_queued = false;
        if let Some(data) = &mut entry.data {
            data.read(into);
        }
        Ok(match (entry.state.input(), entry.state.role()) {
            (RecvState::Aborted, _) => StreamState::Aborted,
            (RecvState::Params | RecvState::Stdin | RecvState::Data, Role::FILTER) => StreamState::Open,
            _ => StreamState::Ended,
        })
    }

    /// The application has used `bytes` of what it read, so that input may flow again.
    ///
    /// Says nothing if the request is over: its charge went with it.
    pub fn release_capacity(&mut self, key: RequestKey, bytes: usize) {
        let Ok(entry) = self.requests.by_key(key) else { return };
        let of_stdin = entry.stdin.release_capacity(bytes);
        let rest = bytes.saturating_sub(of_stdin);
        let of_data = entry.data.as_mut().map_or(0, |data| data.release_capacity(rest));
        self.unread_bytes = self.unread_bytes.saturating_sub(of_stdin).saturating_sub(of_data);
    }

    /// The application will read no more of this request's bodies: what is there and what is to come of them
    /// is dropped, and holds nobody up.
    ///
    /// # Errors
    /// [`UserError::StreamNotOpen`] before the end of PARAMS, [`UserError::RequestClosed`] if the request is over or answered.
    pub fn discard_body(&mut self, key: RequestKey) -> Result<(), UserError> {
        let freed = self.writable(key)?.discard();
        self.unread_bytes = self.unread_bytes.saturating_sub(freed);
        Ok(())
    }

    /// Queues a part of the response, copied.
    ///
    /// # Errors
    /// [`UserError::StreamNotOpen`] before the end of PARAMS, [`UserError::RequestClosed`] after the end of the request.
    pub fn stdout(&mut self, key: RequestKey, content: &[u8]) -> Result<(), UserError> {
        let id = self.start_response(key)?;
        self.output.write_stream(RecordType::STDOUT, id, content);
        Ok(())
    }

    /// Queues a part of the response that `write` appends to the buffer it is given; it must only append.
    ///
    /// # Errors
    /// As [`stdout`](Self::stdout); `write` is not called then.
    pub fn stdout_with(
        &mut self,
        key: RequestKey,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), UserError> {
        let id = self.start_response(key)?;
        self.output.write_stream_with(RecordType::STDOUT, id, write);
        Ok(())
    }

    /// Queues a part of the response; from [`RecordEncoder::ZERO_COPY_THRESHOLD`](crate::RecordEncoder::ZERO_COPY_THRESHOLD) bytes on without a
    /// copy.
    ///
    /// # Errors
    /// As [`stdout`](Self::stdout).
    pub fn stdout_bytes(&mut self, key: RequestKey, content: Bytes) -> Result<(), UserError> {
        let id = self.start_response(key)?;
        self.output.write_stream_bytes(RecordType::STDOUT, id, content);
        Ok(())
    }

    /// Replaces all that was queued of the response by `content`, if none of it was written: if
    /// [`output`](Self::output) was not [advanced](crate::RecordEncoder::advance) beyond where the response begins. So a response
    /// that fails can still become an error page, or with an empty `content` none at all.
    ///
    /// `content` has the place of what it replaces: STDERR that was queued before the response stays before it,
    /// and what was queued behind it stays behind. Other requests' records are not touched.
    ///
    /// `false`: some of the response was written already, and nothing changes. What is left then is to
    /// [cut it off](Self::abort_response).
    ///
    /// # Errors
    /// As [`stdout`](Self::stdout).
    pub fn replace_response(&mut self, key: RequestKey, content: &[u8]) -> Result<bool, UserError> {
        let entry = self.writable(key)?;
        let (id, begins) = (entry.id, entry.response_start);
        if begins == NOT_STARTED {
            return self.stdout(key, content).map(|()| true);
        }
        let mut others: Vec<_> = self.requests.response_starts().filter(|other| **other > begins).collect();
        others.sort_unstable();
        Ok(self.output.replace_stream((RecordType::STDOUT, id), begins, content, others))
    }

    /// Queues a part of the error text, which the web server writes to its log, in records of at most
    /// [`Limits::max_stderr_record`](crate::Limits::max_stderr_record) bytes.
    ///
    /// # Errors
    /// As [`stdout`](Self::stdout).
    pub fn stderr(&mut self, key: RequestKey, content: &[u8]) -> Result<(), UserError> {
        let id = self.writable(key)?.id;
        self.output.write_stderr(id, content, self.config.limits.max_stderr_record);
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
    pub fn end_request(&mut self, key: RequestKey, app_status: u32) -> Result<(), UserError> {
        let entry = self.requests.by_key(key)?;
        entry.state.end_request()?;
        let end = EndRequest { app_status, protocol_status: ProtocolStatus::REQUEST_COMPLETE };
        self.output.write_end_request(entry.id, end);
        self.mark_answered(key);
        Ok(())
    }

    /// Cuts the answer off: no END_REQUEST is sent, since nginx takes a partial answer with one for whole,
    /// whatever its status. The connection takes no more requests and, after those that are alive, ends such
    /// that the web server notices: [`CloseAction::Reset`](super::CloseAction::Reset).
    ///
    /// # Errors
    /// As [`stdout`](Self::stdout).
    pub fn abort_response(&mut self, key: RequestKey) -> Result<(), UserError> {
        self.requests.by_key(key)?.state.abort_response()?;
        self.shutdown = Shutdown::Reset;
        self.mark_answered(key);
        Ok(())
    }

    /// Leaves an answer as it is that has begun, and whose request the web server has given up with
    /// ABORT_REQUEST. No END_REQUEST is sent: HAProxy aborts what is under way when it is reloaded, goes on to
    /// give its clients what comes, and takes an END_REQUEST for the end of a whole answer. It takes an end of
    /// the stream for what it is, so the connection ends in good order once no request is alive. Until
    /// then it takes further ones, for a client that goes away must not cost others theirs.
    ///
    /// An answer of which nothing was written can be [taken back](Self::replace_response) and
    /// [ended](Self::end_request) instead: an empty one cannot be mistaken for a whole one.
    ///
    /// # Errors
    /// As [`stdout`](Self::stdout).
    pub fn abandon_response(&mut self, key: RequestKey) -> Result<(), UserError> {
        self.requests.by_key(key)?.state.abort_response()?;
        if self.shutdown.accepts_requests() {
            self.shutdown = Shutdown::WhenIdle;
        }
        self.mark_answered(key);
        Ok(())
    }

    /// Lets a request be answered whose PARAMS have not ended, for instance because they take too long. What
    /// is still to come of its PARAMS and bodies is dropped.
    ///
    /// # Errors
    /// [`UserError::RequestClosed`] if the PARAMS have ended, or the request is over.
    pub fn reject(&mut self, key: RequestKey) -> Result<(), UserError> {
        let entry = self.requests.by_key(key)?;
        entry.state.reject()?;
        entry.params = Vec::new();
        entry.discard();
        self.incomplete_heads.remove(key);
        self.release_params(key);
        Ok(())
    }

    /// The request, if it may be answered.
    fn writable(&mut self, key: RequestKey) -> Result<&mut Entry, UserError> {
        let entry = self.requests.by_key(key)?;
        entry.state.check_writable()?;
        Ok(entry)
    }

    /// The request's id, if it may be answered. Notes where its response begins.
    fn start_response(&mut self, key: RequestKey) -> Result<RequestId, UserError> {
        let entry = self.requests.by_key(key)?;
        entry.state.check_writable()?;
        if entry.response_start == NOT_STARTED {
            entry.response_start = self.output.position();
            // So that a record begins there, whatever comes first.
            self.output.split_record();
        }
        Ok(entry.id)
    }

    /// A request has stopped to be live.
    fn mark_answered(&mut self, key: RequestKey) {
        self.active = self.active.saturating_sub(1);
        let Ok(entry) = self.requests.by_key(key) else { return };
        let freed = entry.discard();
        self.unread_bytes = self.unread_bytes.saturating_sub(freed);
        self.release_params(key);
        self.remove_if_done(key);
    }

    /// A request's PARAMS are gone, or about to be: others may have as many.
    pub(super) fn release_params(&mut self, key: RequestKey) {
        let Ok(entry) = self.requests.by_key(key) else { return };
        let freed = core::mem::take(&mut entry.params_bytes);
        self.params_bytes = self.params_bytes.saturating_sub(freed);
    }

    pub(super) fn write_end_request(
        &mut self,
        id: RequestId,
        app_status: u32,
        protocol_status: ProtocolStatus,
    ) {
        let end = EndRequest { app_status, protocol_status };
        self.output.write_record(RecordType::END_REQUEST, id, &end.encode());
    }
}
