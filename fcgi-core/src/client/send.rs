//! Commands: what the web server does with its requests.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;

use super::connection::Connection;
use super::requests::RecvStream;
use crate::error::UserError;
use crate::key::RequestKey;
use crate::name_value::encode_pair;
use crate::record::{BeginRequest, RecordType, RequestId, Role, Variable};
use crate::stream_state::StreamState;

impl Connection {
    /// Begins a request (FastCGI §5.1). With `keep_conn` the application keeps the connection open after it; otherwise
    /// it is the last request of the connection.
    ///
    /// # Errors
    /// As [`can_begin`](Self::can_begin).
    pub fn begin(&mut self, role: Role, keep_conn: bool) -> Result<RequestKey, UserError> {
        self.can_begin()?;
        let (key, id) = self.requests.insert(role).ok_or(UserError::TooManyRequests)?;
        self.output.write_record(RecordType::BEGIN_REQUEST, id, &BeginRequest { role, keep_conn }.encode());
        self.keep_conn = keep_conn;
        Ok(key)
    }

    /// Begins a request and queues all of its meta-variables: as [`begin`](Self::begin),
    /// [`params_with`](Self::params_with) and [`end_params`](Self::end_params), but on an error nothing is queued.
    ///
    /// # Errors
    /// As [`can_begin`](Self::can_begin), and [`UserError::PairTooLong`] if a pair does not fit a record.
    pub fn begin_with_params(
        &mut self,
        role: Role,
        keep_conn: bool,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<RequestKey, UserError> {
        let (start, kept_before) = (self.output.position(), self.keep_conn);
        let key = self.begin(role, keep_conn)?;
        let params = self.params_with(key, write).and_then(|()| self.end_params(key));
        if let Err(error) = params {
            self.keep_conn = kept_before;
            self.output.truncate(start);
            self.requests.cancel(key);
            return Err(error);
        }
        Ok(key)
    }

    /// Queues a meta-variable (§5.2), as [`encode_pair`] does.
    ///
    /// A record of PARAMS has only whole pairs: see [`RecordEncoder::write_pairs`](crate::RecordEncoder::write_pairs).
    ///
    /// # Errors
    /// [`UserError::StreamEnded`] after [`end_params`](Self::end_params), [`UserError::RequestClosed`] if the request
    /// was aborted or is over, [`UserError::PairTooLong`] if the pair does not fit a record.
    pub fn param(&mut self, key: RequestKey, name: &[u8], value: &[u8]) -> Result<(), UserError> {
        let entry = self.requests.by_key(key)?;
        entry.state.params()?;
        self.output.write_pairs_with(RecordType::PARAMS, entry.id, |out| encode_pair(out, name, value))
    }

    /// Queues the meta-variables that `write` appends to the buffer with [`encode_pair`]. It must only append complete
    /// pairs.
    ///
    /// # Errors
    /// As [`param`](Self::param).
    pub fn params_with(
        &mut self,
        key: RequestKey,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), UserError> {
        let entry = self.requests.by_key(key)?;
        entry.state.params()?;
        self.output.write_pairs_with(RecordType::PARAMS, entry.id, write)
    }

    /// Ends the meta-variables: the application can respond from now on.
    ///
    /// # Errors
    /// As [`param`](Self::param).
    pub fn end_params(&mut self, key: RequestKey) -> Result<(), UserError> {
        let entry = self.requests.by_key(key)?;
        entry.state.params_end()?;
        self.output.write_stream_end(RecordType::PARAMS, entry.id);
        Ok(())
    }

    /// Queues a copy of a part of the body. Empty content does nothing; it does not end the body.
    ///
    /// # Errors
    /// [`UserError::StreamNotOpen`] before [`end_params`](Self::end_params), [`UserError::StreamEnded`] after
    /// [`end_stdin`](Self::end_stdin) and for an Authorizer, which has no body (§6.3), [`UserError::RequestClosed`] if
    /// the request was aborted or is over.
    pub fn stdin(&mut self, key: RequestKey, content: &[u8]) -> Result<(), UserError> {
        let id = self.stdin_id(key)?;
        self.output.write_stream(RecordType::STDIN, id, content);
        Ok(())
    }

    /// Queues a part of the body, without a copy from
    /// [`RecordEncoder::ZERO_COPY_THRESHOLD`](crate::RecordEncoder::ZERO_COPY_THRESHOLD) bytes on.
    ///
    /// # Errors
    /// As [`stdin`](Self::stdin).
    pub fn stdin_bytes(&mut self, key: RequestKey, content: Bytes) -> Result<(), UserError> {
        let id = self.stdin_id(key)?;
        self.output.write_stream_bytes(RecordType::STDIN, id, content);
        Ok(())
    }

    /// Ends the body.
    ///
    /// # Errors
    /// As [`stdin`](Self::stdin).
    pub fn end_stdin(&mut self, key: RequestKey) -> Result<(), UserError> {
        let entry = self.requests.by_key(key)?;
        entry.state.stdin_end()?;
        self.output.write_stream_end(RecordType::STDIN, entry.id);
        Ok(())
    }

    /// Queues a part of the file for a Filter (§6.4), as [`stdin_bytes`](Self::stdin_bytes) does.
    ///
    /// # Errors
    /// [`UserError::StreamNotOpen`] before [`end_stdin`](Self::end_stdin), [`UserError::StreamEnded`] after
    /// [`end_data`](Self::end_data) and for another role once its streams have ended, [`UserError::RequestClosed`] if
    /// the request was aborted or is over.
    pub fn data_bytes(&mut self, key: RequestKey, content: Bytes) -> Result<(), UserError> {
        let entry = self.requests.by_key(key)?;
        entry.state.data()?;
        self.output.write_stream_bytes(RecordType::DATA, entry.id, content);
        Ok(())
    }

    /// Ends a Filter's file.
    ///
    /// # Errors
    /// As [`data_bytes`](Self::data_bytes).
    pub fn end_data(&mut self, key: RequestKey) -> Result<(), UserError> {
        let entry = self.requests.by_key(key)?;
        entry.state.data_end()?;
        self.output.write_stream_end(RecordType::DATA, entry.id);
        Ok(())
    }

    /// Aborts the request (§5.4). Its response is dropped. Its id is in use until
    /// [`RequestEnded`](super::Event::RequestEnded).
    ///
    /// Wait for that only for a limited time: many applications look for ABORT_REQUEST only when they read input, and
    /// PHP not even then. PHP also closes the connection when it finds the record after the end of the request, so use
    /// another connection for the next request.
    ///
    /// # Errors
    /// [`UserError::RequestClosed`] if the request was aborted before or is over.
    pub fn abort(&mut self, key: RequestKey) -> Result<(), UserError> {
        let entry = self.requests.by_key(key)?;
        entry.state.abort()?;
        let released = entry.discard();
        self.output.write_record(RecordType::ABORT_REQUEST, entry.id, &[]);
        self.unread_bytes = self.unread_bytes.saturating_sub(released);
        Ok(())
    }

    /// Queries variables of the application (§4.1).
    ///
    /// # Errors
    /// [`UserError::ConnectionClosing`] if the last request had no KEEP_CONN, or the application broke a rule.
    pub fn get_values(&mut self, variables: &[Variable]) -> Result<(), UserError> {
        if !self.keep_conn || self.protocol_error.is_some() {
            return Err(UserError::ConnectionClosing);
        }
        let mut content = Vec::new();
        for variable in variables {
            encode_pair(&mut content, variable.name().as_bytes(), b"");
        }
        self.output.write_record(RecordType::GET_VALUES, RequestId::NULL, &content);
        self.queries = self.queries.saturating_add(1);
        Ok(())
    }

    /// Moves the unread bytes of the response's STDOUT to the end of `into`.
    ///
    /// They count as unread until [`release_capacity`](Self::release_capacity). The stream is never
    /// [`Aborted`](StreamState::Aborted).
    ///
    /// # Errors
    /// [`UserError::RequestClosed`] if the request is over.
    pub fn read_stdout(
        &mut self,
        key: RequestKey,
        into: &mut VecDeque<Bytes>,
    ) -> Result<StreamState, UserError> {
        let entry = self.requests.by_key(key)?;
        let ended = entry.state.stdout_ended();
        Ok(read(&mut entry.stdout, ended, into))
    }

    /// Like [`read_stdout`](Self::read_stdout), for STDERR: text for the error log (FastCGI §5.3).
    ///
    /// # Errors
    /// [`UserError::RequestClosed`] if the request is over.
    pub fn read_stderr(
        &mut self,
        key: RequestKey,
        into: &mut VecDeque<Bytes>,
    ) -> Result<StreamState, UserError> {
        let entry = self.requests.by_key(key)?;
        let ended = !entry.state.is_active();
        Ok(read(&mut entry.stderr, ended, into))
    }

    /// Releases the capacity of `bytes` read bytes, so that more can be received. Does nothing if the request is over.
    pub fn release_capacity(&mut self, key: RequestKey, bytes: usize) {
        let Ok(entry) = self.requests.by_key(key) else { return };
        let stdout = entry.stdout.buffer.release_capacity(bytes);
        let rest = bytes.saturating_sub(stdout);
        let stderr = entry.stderr.buffer.release_capacity(rest);
        self.unread_bytes = self.unread_bytes.saturating_sub(stdout).saturating_sub(stderr);
        self.requests.remove_if_done(key);
    }

    /// Drops the unread and all future bytes of the response. Unlike [`abort`](Self::abort), does not notify the
    /// application.
    ///
    /// # Errors
    /// [`UserError::RequestClosed`] if the request is over.
    pub fn discard(&mut self, key: RequestKey) -> Result<(), UserError> {
        let released = self.requests.by_key(key)?.discard();
        self.unread_bytes = self.unread_bytes.saturating_sub(released);
        self.requests.remove_if_done(key);
        Ok(())
    }

    fn stdin_id(&mut self, key: RequestKey) -> Result<RequestId, UserError> {
        let entry = self.requests.by_key(key)?;
        entry.state.stdin()?;
        Ok(entry.id)
    }
}

fn read(stream: &mut RecvStream, ended: bool, into: &mut VecDeque<Bytes>) -> StreamState {
    stream.readable_queued = false;
    stream.buffer.read(into);
    if ended { StreamState::Ended } else { StreamState::Open }
}
