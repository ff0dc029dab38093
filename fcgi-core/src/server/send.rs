//! Commands: what the application does with its requests.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;

use super::connection::{Connection, Shutdown};
use super::request_state::RecvState;
use super::requests::{Entry, NOT_STARTED};
use crate::error::UserError;
use crate::key::RequestKey;
use crate::record::{EndRequest, ProtocolStatus, RecordType, RequestId, Role};
use crate::stream_state::StreamState;

impl Connection {
    /// Moves the unread bytes of a request's STDIN to the end of `into`.
    ///
    /// They count as unread until [`release_capacity`](Self::release_capacity). To slow the web server down, do not
    /// read. Small pieces are joined, also with the last one in `into`.
    ///
    /// # Errors
    /// [`UserError::StreamNotOpen`] before the end of PARAMS, [`UserError::RequestClosed`] if the request is over or
    /// answered.
    pub fn read_body(
        &mut self,
        key: RequestKey,
        into: &mut VecDeque<Bytes>,
    ) -> Result<StreamState, UserError> {
        let entry = self.writable(key)?;
        entry.readable_queued = false;
        entry.stdin.read(into);
        Ok(match entry.state.recv_state() {
            RecvState::Params | RecvState::Stdin => StreamState::Open,
            RecvState::Data | RecvState::Ended => StreamState::Ended,
            RecvState::Aborted => StreamState::Aborted,
        })
    }

    /// Like [`read_body`](Self::read_body), for a Filter's DATA (FastCGI §6.4). For other roles the stream is always
    /// [`Ended`](StreamState::Ended).
    ///
    /// # Errors
    /// As [`read_body`](Self::read_body).
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
        Ok(match (entry.state.recv_state(), entry.state.role()) {
            (RecvState::Aborted, _) => StreamState::Aborted,
            (RecvState::Params | RecvState::Stdin | RecvState::Data, Role::FILTER) => StreamState::Open,
            _ => StreamState::Ended,
        })
    }

    /// Releases the capacity of `bytes` read bytes, so that more can be received.
    ///
    /// Does nothing if the request is over: all its bytes were released then.
    pub fn release_capacity(&mut self, key: RequestKey, bytes: usize) {
        let Ok(entry) = self.requests.by_key(key) else { return };
        let stdin = entry.stdin.release_capacity(bytes);
        let rest = bytes.saturating_sub(stdin);
        let data = entry.data.as_mut().map_or(0, |data| data.release_capacity(rest));
        self.unread_bytes = self.unread_bytes.saturating_sub(stdin).saturating_sub(data);
    }

    /// Drops the unread and all future bytes of the request's STDIN and DATA.
    ///
    /// # Errors
    /// As [`read_body`](Self::read_body).
    pub fn discard_body(&mut self, key: RequestKey) -> Result<(), UserError> {
        let released = self.writable(key)?.discard();
        self.unread_bytes = self.unread_bytes.saturating_sub(released);
        Ok(())
    }

    /// Queues a copy of a part of the response.
    ///
    /// # Errors
    /// [`UserError::StreamNotOpen`] before the end of PARAMS, [`UserError::RequestClosed`] after the end of the
    /// request.
    pub fn stdout(&mut self, key: RequestKey, content: &[u8]) -> Result<(), UserError> {
        let id = self.start_response(key)?;
        self.output.write_stream(RecordType::STDOUT, id, content);
        Ok(())
    }

    /// Queues a part of the response that `write` appends to the buffer; it must only append.
    ///
    /// # Errors
    /// As [`stdout`](Self::stdout), without a call of `write`.
    pub fn stdout_with(
        &mut self,
        key: RequestKey,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), UserError> {
        let id = self.start_response(key)?;
        self.output.write_stream_with(RecordType::STDOUT, id, write);
        Ok(())
    }

    /// Queues a part of the response, without a copy from
    /// [`RecordEncoder::ZERO_COPY_THRESHOLD`](crate::RecordEncoder::ZERO_COPY_THRESHOLD) bytes on.
    ///
    /// # Errors
    /// As [`stdout`](Self::stdout).
    pub fn stdout_bytes(&mut self, key: RequestKey, content: Bytes) -> Result<(), UserError> {
        let id = self.start_response(key)?;
        self.output.write_stream_bytes(RecordType::STDOUT, id, content);
        Ok(())
    }

    /// Replaces the queued response by `content`, for instance by an error page, unless some of it was written.
    ///
    /// Returns `false`, without any change, if [`output`](Self::output) was
    /// [advanced](crate::RecordEncoder::advance) beyond the start of the response. Then the only option is to
    /// [cut it off](Self::abort_response).
    ///
    /// `content` takes the place of the response: STDERR queued before the response stays before it, and records
    /// queued behind stay behind. Records of other requests do not change.
    ///
    /// # Errors
    /// As [`stdout`](Self::stdout).
    pub fn replace_response(&mut self, key: RequestKey, content: &[u8]) -> Result<bool, UserError> {
        let entry = self.writable(key)?;
        let (id, start) = (entry.id, entry.response_start);
        if start == NOT_STARTED {
            return self.stdout(key, content).map(|()| true);
        }
        let mut others: Vec<_> = self.requests.response_starts().filter(|other| **other > start).collect();
        others.sort_unstable();
        Ok(self.output.replace_stream((RecordType::STDOUT, id), start, content, others))
    }

    /// Queues a part of the error text (STDERR, FastCGI §5.3), which the web server writes to its log.
    ///
    /// Each record has at most [`Limits::max_stderr_record`](crate::Limits::max_stderr_record) bytes.
    ///
    /// # Errors
    /// As [`stdout`](Self::stdout).
    pub fn stderr(&mut self, key: RequestKey, content: &[u8]) -> Result<(), UserError> {
        let id = self.writable(key)?.id;
        self.output.write_stderr(id, content, self.config.limits.max_stderr_record);
        Ok(())
    }

    /// Ends the request with `REQUEST_COMPLETE`: the end of STDOUT, then END_REQUEST.
    ///
    /// `app_status` is the exit status that a CGI program would have (FastCGI §5.5). Input that is still to come is
    /// dropped.
    ///
    /// # Errors
    /// As [`stdout`](Self::stdout).
    pub fn end_request(&mut self, key: RequestKey, app_status: u32) -> Result<(), UserError> {
        let entry = self.requests.by_key(key)?;
        entry.state.end_request()?;
        let end = EndRequest { app_status, protocol_status: ProtocolStatus::REQUEST_COMPLETE };
        // FastCGI §3.3 requires the end of a stream only if the stream was used. STDERR's is never sent: nginx,
        // Apache and PHP do not miss it.
        self.output.write_end_request(entry.id, end);
        self.mark_answered(key);
        Ok(())
    }

    /// Cuts the response off: no END_REQUEST is sent, and the connection is [reset](super::CloseAction::Reset) after
    /// its active requests.
    ///
    /// nginx treats a partial response with END_REQUEST as complete, whatever the status. The connection accepts no
    /// further requests.
    ///
    /// # Errors
    /// As [`stdout`](Self::stdout).
    pub fn abort_response(&mut self, key: RequestKey) -> Result<(), UserError> {
        self.requests.by_key(key)?.state.abort_response()?;
        self.shutdown = Shutdown::Reset;
        self.mark_answered(key);
        Ok(())
    }

    /// Leaves the partial response of an aborted request as it is: no END_REQUEST is sent, and the connection closes
    /// gracefully once no request is active.
    ///
    /// On a reload, HAProxy aborts active requests, but still forwards their responses; it treats END_REQUEST as the
    /// end of a complete response, and the end of the stream as an error. Until it closes, the connection accepts
    /// requests: a client that disconnects must not affect others.
    ///
    /// If no output was sent yet, [replace](Self::replace_response) and [end](Self::end_request) the response
    /// instead: an empty response cannot be mistaken for a complete one.
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

    /// Makes a request whose PARAMS have not ended writable, for an error response. The rest of its input is dropped.
    ///
    /// For instance if the PARAMS take too long.
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

    /// The request, if it is writable.
    fn writable(&mut self, key: RequestKey) -> Result<&mut Entry, UserError> {
        let entry = self.requests.by_key(key)?;
        entry.state.check_writable()?;
        Ok(entry)
    }

    /// The request's id, if it is writable. Records where its response starts.
    fn start_response(&mut self, key: RequestKey) -> Result<RequestId, UserError> {
        let entry = self.requests.by_key(key)?;
        entry.state.check_writable()?;
        if entry.response_start == NOT_STARTED {
            entry.response_start = self.output.position();
            // `replace_response` needs a record to begin there.
            self.output.split_record();
        }
        Ok(entry.id)
    }

    /// Runs `send`, which queues a response of the connection itself, and counts its bytes for
    /// [`Limits::max_control_bytes`](crate::Limits::max_control_bytes).
    pub(super) fn send_control(&mut self, send: impl FnOnce(&mut Self)) {
        let before = self.output.len();
        send(self);
        let added = self.output.len().saturating_sub(before);
        self.control_bytes = self.control_bytes.min(before).saturating_add(added);
    }

    /// Queues END_REQUEST for a request without a response.
    pub(super) fn end_without_stdout(&mut self, id: RequestId, protocol_status: ProtocolStatus) {
        let end = EndRequest { app_status: 0, protocol_status };
        self.output.write_record(RecordType::END_REQUEST, id, &end.encode());
    }
}
