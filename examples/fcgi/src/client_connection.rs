//! A client connection to an application.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use axum_fcgi::FcgiStream;
use bytes::{Bytes, BytesMut};
use fcgi_core::client::{Config, Connection, EndOfInput, Event};
use fcgi_core::{EndRequest, Params, ProtocolError, RequestKey, Role, UserError, Variable};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::time::timeout;

use crate::body::Body;
use crate::failure::Failure;
use crate::request::Request;

/// Sends one request at a time, with [`fcgi_core::client`].
pub(crate) struct ClientConnection {
    read: ReadHalf<FcgiStream>,
    write: WriteHalf<FcgiStream>,
    protocol: Connection,
    buffer: BytesMut,
    /// Longest wait without progress.
    limit: Duration,
    /// Writing failed. The application may have sent a response before it closed, so reading continues.
    unwritable: bool,
}

/// Receives a response in chunks.
pub(crate) trait ResponseSink {
    /// # Errors
    /// Any error ends the request.
    fn stdout(&mut self, chunk: Bytes) -> Result<(), Failure>;

    /// # Errors
    /// As [`stdout`](Self::stdout).
    fn stderr(&mut self, chunk: Bytes) -> Result<(), Failure>;

    /// Called after `bytes` of the body were queued.
    fn sent(&mut self, _bytes: usize) {}
}

/// The bodies of a request: STDIN, and DATA of a Filter.
pub(crate) struct RequestBodies {
    pub(crate) stdin: Option<Body>,
    pub(crate) data: Option<Body>,
}

/// Reads of this size get their own buffer instead of being copied.
const ZERO_COPY_THRESHOLD: usize = 16 * 1024;

enum IoEvent {
    Written(io::Result<usize>),
    Read(io::Result<usize>),
    Chunk(io::Result<Option<Bytes>>),
}

impl ClientConnection {
    pub(crate) fn new(stream: FcgiStream, limit: Duration) -> Self {
        let (read, write) = tokio::io::split(stream);
        let protocol = Connection::new(Config::default());
        Self { read, write, protocol, buffer: BytesMut::new(), limit, unwritable: false }
    }

    /// Whether another request may be sent.
    pub(crate) fn is_open(&self) -> bool {
        self.protocol.can_begin().is_ok() && !self.unwritable
    }

    /// Sends a request and passes its response to `response`.
    ///
    /// # Errors
    /// If the request does not end, or if there is no progress for the limit.
    pub(crate) async fn send_request(
        &mut self,
        request: &Request,
        mut input: RequestBodies,
        response: &mut impl ResponseSink,
    ) -> Result<EndRequest, Failure> {
        let key = self.begin(request).map_err(user_error)?;
        if request.role == Role::AUTHORIZER {
            input.stdin = None;
        } else if input.stdin.is_none() {
            self.protocol.end_stdin(key).map_err(user_error)?;
        }
        loop {
            if let Some(end) = self.handle_events(key, response)? {
                return Ok(end);
            }
            if let Some(chunk) = self.wait_io(&mut input).await? {
                let sent = chunk.as_ref().map_or(0, Bytes::len);
                self.send_chunk(key, request.role, &mut input, chunk).map_err(user_error)?;
                response.sent(sent);
            }
        }
    }

    /// Requests the application's variables (FastCGI §4.1). `None` if it does not support GET_VALUES.
    ///
    /// # Errors
    /// If the application does not respond.
    pub(crate) async fn values(&mut self) -> Result<Option<Params>, Failure> {
        self.protocol.get_values(&Variable::ALL).map_err(user_error)?;
        loop {
            match self.protocol.poll_event() {
                Some(Event::Values(values)) => return Ok(Some(values)),
                Some(Event::ValuesUnsupported) => return Ok(None),
                _ => self.wait_io(&mut RequestBodies { stdin: None, data: None }).await.map(drop)?,
            }
        }
    }

    fn begin(&mut self, request: &Request) -> Result<RequestKey, UserError> {
        let key = self.protocol.begin(request.role, request.keep_conn)?;
        for (name, value) in &request.params.0 {
            self.protocol.param(key, name.as_bytes(), value.as_bytes())?;
        }
        self.protocol.end_params(key)?;
        Ok(key)
    }

    /// Queues a chunk of the current stream, or its end.
    fn send_chunk(
        &mut self,
        key: RequestKey,
        role: Role,
        input: &mut RequestBodies,
        chunk: Option<Bytes>,
    ) -> Result<(), UserError> {
        match chunk {
            Some(chunk) if input.stdin.is_some() => self.protocol.stdin_bytes(key, chunk),
            Some(chunk) => self.protocol.data_bytes(key, chunk),
            None if input.stdin.take().is_some() => self.protocol.end_stdin(key),
            None => {
                input.data = None;
                if role == Role::FILTER { self.protocol.end_data(key) } else { Ok(()) }
            }
        }
    }

    /// Passes the received part of the response on. Returns END_REQUEST once received.
    fn handle_events(
        &mut self,
        key: RequestKey,
        response: &mut impl ResponseSink,
    ) -> Result<Option<EndRequest>, Failure> {
        let mut chunks = VecDeque::new();
        while let Some(event) = self.protocol.poll_event() {
            match event {
                Event::RequestEnded(_, end) => return Ok(Some(end)),
                Event::StdoutReadable(_) => {
                    self.protocol.read_stdout(key, &mut chunks).map_err(user_error)?;
                    for chunk in chunks.drain(..) {
                        self.protocol.release_capacity(key, chunk.len());
                        response.stdout(chunk)?;
                    }
                }
                Event::StderrReadable(_) => {
                    self.protocol.read_stderr(key, &mut chunks).map_err(user_error)?;
                    for chunk in chunks.drain(..) {
                        self.protocol.release_capacity(key, chunk.len());
                        response.stderr(chunk)?;
                    }
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// Writes, reads, or gets a chunk of the body, whichever is ready first. Returns the chunk.
    async fn wait_io(&mut self, input: &mut RequestBodies) -> Result<Option<Option<Bytes>>, Failure> {
        let wants_body = self.protocol.wants_body() && !self.unwritable;
        let body = input.stdin.as_mut().or(input.data.as_mut()).filter(|_| wants_body);
        let (has_body, has_output) = (body.is_some(), !self.unwritable && self.protocol.output_len() > 0);
        let slice = self.protocol.output().slices().next().unwrap_or_default();
        let chunk = async {
            match body {
                Some(body) => body.next().await,
                None => std::future::pending().await,
            }
        };
        self.buffer.reserve(ZERO_COPY_THRESHOLD);
        let event = timeout(self.limit, async {
            tokio::select! {
                chunk = chunk, if has_body => IoEvent::Chunk(chunk),
                written = self.write.write(slice), if has_output => IoEvent::Written(written),
                read = self.read.read_buf(&mut self.buffer) => IoEvent::Read(read),
            }
        });
        match event.await.map_err(|_| timed_out(self.limit))? {
            IoEvent::Chunk(chunk) => return Ok(Some(chunk.map_err(|error| body_error(&error))?)),
            IoEvent::Written(Ok(written)) => self.protocol.output().advance(written),
            IoEvent::Written(Err(_)) => self.unwritable = true,
            IoEvent::Read(Ok(0)) => return Err(self.end_of_input()),
            IoEvent::Read(Ok(_)) => {
                self.process_input().map_err(protocol_error)?;
            }
            IoEvent::Read(Err(error)) => return Err(connection_lost(&error)),
        }
        Ok(None)
    }

    fn process_input(&mut self) -> Result<(), ProtocolError> {
        if self.buffer.len() < ZERO_COPY_THRESHOLD {
            // A small read is copied, and the buffer is reused.
            let result = self.protocol.receive(&self.buffer);
            self.buffer.clear();
            result
        } else {
            self.protocol.receive_shared(&self.buffer.split().freeze())
        }
    }

    fn end_of_input(&self) -> Failure {
        Failure::new(match self.protocol.end_of_input() {
            EndOfInput::InRecord => "the application closed the connection in the middle of a record",
            EndOfInput::InRequest => {
                "the application closed the connection before END_REQUEST: the response is incomplete; check its log"
            }
            EndOfInput::Clean => "the application closed the connection without a response",
        })
    }
}

fn timed_out(limit: Duration) -> Failure {
    Failure::new(format!("timed out: no progress for {} s; --timeout sets the limit", limit.as_secs_f64()))
}

fn body_error(error: &io::Error) -> Failure {
    Failure::new(format!("cannot read the request body: {error}"))
}

fn connection_lost(error: &io::Error) -> Failure {
    Failure::new(format!("connection lost before the end of the response: {error}"))
}

fn protocol_error(error: ProtocolError) -> Failure {
    Failure::new(format!(
        "the response is not FastCGI: {error}. `fcgi dump` shows the bytes; is it an HTTP server?"
    ))
}

fn user_error(error: UserError) -> Failure {
    Failure::new(format!("cannot send this request: {error}"))
}
