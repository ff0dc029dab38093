//! Commands: what the web server does with its requests.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;

use super::Connection;
use super::requests::RecvStream;
use crate::error::UserError;
use crate::key::RequestKey;
use crate::name_value::encode_pair;
use crate::record::{BeginRequest, RecordType, RequestId, Role, Variable};

/// Whether more of an answer's stream is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerState {
    /// It may.
    Open,
    /// The application has ended the stream, or the request: what was read is all of it. Until its
    /// [`End`](super::Event::RequestEnded) the request is not over, though.
    Ended,
}

impl Connection {
    /// Begins a request (FastCGI §5.1). `keep_conn`: the application is to leave the connection open after it;
    /// without that, this is the connection's last request.
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

    /// Queues a meta-variable (§5.2). Lengths are those of [`encode_pair`].
    ///
    /// # Errors
    /// [`UserError::StreamEnded`] after [`end_params`](Self::end_params), [`UserError::RequestClosed`] if the request was
    /// aborted or is over.
    pub fn param(&mut self, key: RequestKey, name: &[u8], value: &[u8]) -> Result<(), UserError> {
        let entry = self.requests.by_key(key)?;
        entry.state.params()?;
        self.output.write_stream_with(RecordType::PARAMS, entry.id, |out| encode_pair(out, name, value));
        Ok(())
    }

    /// Queues meta-variables, as many as `write` appends to the buffer that it is given, each by [`encode_pair`]: it must only
    /// append, and nothing but whole pairs.
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
        self.output.write_stream_with(RecordType::PARAMS, entry.id, write);
        Ok(())
    }

    /// Ends the meta-variables: the application may answer from now on.
    ///
    /// # Errors
    /// As [`param`](Self::param).
    pub fn end_params(&mut self, key: RequestKey) -> Result<(), UserError> {
        let entry = self.requests.by_key(key)?;
        entry.state.params_end()?;
        self.output.write_stream_end(RecordType::PARAMS, entry.id);
        Ok(())
    }

    /// Queues a part of the body, copied. An empty one is nothing, and not the end.
    ///
    /// # Errors
    /// [`UserError::StreamNotOpen`] before [`end_params`](Self::end_params), [`UserError::StreamEnded`] after
    /// [`end_stdin`](Self::end_stdin) and for an Authorizer, which has no body (§6.3), [`UserError::RequestClosed`] if the
    /// request was aborted or is over.
    pub fn stdin(&mut self, key: RequestKey, content: &[u8]) -> Result<(), UserError> {
        let id = self.stdin_id(key)?;
        self.output.write_stream(RecordType::STDIN, id, content);
        Ok(())
    }

    /// As [`stdin`](Self::stdin); from [`RecordEncoder::ZERO_COPY_THRESHOLD`](crate::RecordEncoder::ZERO_COPY_THRESHOLD) bytes on without a copy.
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

    /// Queues a part of the file that a Filter works on (§6.4), as [`stdin_bytes`](Self::stdin_bytes) does.
    ///
    /// # Errors
    /// [`UserError::StreamNotOpen`] before [`end_stdin`](Self::end_stdin), [`UserError::StreamEnded`] after
    /// [`end_data`](Self::end_data) and for another role once its streams have ended, [`UserError::RequestClosed`] if the
    /// request was aborted or is over.
    pub fn data_bytes(&mut self, key: RequestKey, content: Bytes) -> Result<(), UserError> {
        let entry = self.requests.by_key(key)?;
        entry.state.data()?;
        self.output.write_stream_bytes(RecordType::DATA, entry.id, content);
        Ok(())
    }

    /// Ends that file.
    ///
    /// # Errors
    /// As [`data_bytes`](Self::data_bytes).
    pub fn end_data(&mut self, key: RequestKey) -> Result<(), UserError> {
        let entry = self.requests.by_key(key)?;
        entry.state.data_end()?;
        self.output.write_stream_end(RecordType::DATA, entry.id);
        Ok(())
    }

    /// Gives the request up (§5.4). What came of its answer and what still comes is dropped; the
    /// [`End`](super::Event::RequestEnded) is still told, and its id is taken until then. Many applications look for
    /// ABORT_REQUEST only when they read their input, PHP not even then: do not wait for the end for long. PHP
    /// moreover closes the connection when it finds the record behind the end of the request, so that another
    /// request is better begun on another connection.
    ///
    /// # Errors
    /// [`UserError::RequestClosed`] if the request was aborted before or is over.
    pub fn abort(&mut self, key: RequestKey) -> Result<(), UserError> {
        let entry = self.requests.by_key(key)?;
        entry.state.abort()?;
        let freed = entry.discard();
        self.output.write_record(RecordType::ABORT_REQUEST, entry.id, &[]);
        self.unread_bytes = self.unread_bytes.saturating_sub(freed);
        Ok(())
    }

    /// Asks the application for its variables (§4.1).
    ///
    /// # Errors
    /// [`UserError::ConnectionClosing`] if the last request was sent without KEEP_CONN, or the application broke a rule.
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

    /// Moves the unread bytes of the answer's STDOUT to the end of `into`, and says whether they are the last.
    /// They stay charged until they are [consumed](Self::release_capacity).
    ///
    /// # Errors
    /// [`UserError::RequestClosed`] if the request is over.
    pub fn read_stdout(
        &mut self,
        key: RequestKey,
        into: &mut VecDeque<Bytes>,
    ) -> Result<AnswerState, UserError> {
        let entry = self.requests.by_key(key)?;
        let ended = entry.state.stdout_ended();
        Ok(read(&mut entry.stdout, ended, into))
    }

    /// As [`read_stdout`](Self::read_stdout), of STDERR: text for the error log.
    ///
    /// # Errors
    /// [`UserError::RequestClosed`] if the request is over.
    pub fn read_stderr(
        &mut self,
        key: RequestKey,
        into: &mut VecDeque<Bytes>,
    ) -> Result<AnswerState, UserError> {
        let entry = self.requests.by_key(key)?;
        let ended = !entry.state.is_active();
        Ok(read(&mut entry.stderr, ended, into))
    }

    /// `bytes` of what was read were used, so that input may flow again. Says nothing if the request is over.
    pub fn release_capacity(&mut self, key: RequestKey, bytes: usize) {
        let Ok(entry) = self.requests.by_key(key) else { return };
        let of_stdout = entry.stdout.buffer.release_capacity(bytes);
        let rest = bytes.saturating_sub(of_stdout);
        let of_stderr = entry.stderr.buffer.release_capacity(rest);
        self.unread_bytes = self.unread_bytes.saturating_sub(of_stdout).saturating_sub(of_stderr);
        self.requests.remove_if_done(key);
    }

    /// Nobody will read any more of the request's answer: what is there and what is to come of it is dropped.
    /// Unlike [`abort`](Self::abort), it leaves the application alone.
    ///
    /// # Errors
    /// [`UserError::RequestClosed`] if the request is over.
    pub fn discard(&mut self, key: RequestKey) -> Result<(), UserError> {
        let freed = self.requests.by_key(key)?.discard();
        self.unread_bytes = self.unread_bytes.saturating_sub(freed);
        self.requests.remove_if_done(key);
        Ok(())
    }

    fn stdin_id(&mut self, key: RequestKey) -> Result<RequestId, UserError> {
        let entry = self.requests.by_key(key)?;
        entry.state.stdin()?;
        Ok(entry.id)
    }
}

fn read(stream: &mut RecvStream, ended: bool, into: &mut VecDeque<Bytes>) -> AnswerState {
    stream.readable_queued = false;
    stream.buffer.read(into);
    if ended { AnswerState::Ended } else { AnswerState::Open }
}
