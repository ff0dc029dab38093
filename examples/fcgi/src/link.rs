//! A connection to an application, driven.

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

/// One request at a time, with [`fcgi_core::client`].
pub(crate) struct Link {
    read: ReadHalf<FcgiStream>,
    write: WriteHalf<FcgiStream>,
    protocol: Connection,
    buffer: BytesMut,
    /// How long nothing may move.
    limit: Duration,
    /// The application has closed its end. What it has sent before that is still to be read.
    unwritable: bool,
}

/// Who takes the answer, in pieces as they come.
pub(crate) trait Answer {
    /// # Errors
    /// Whatever ends the request early.
    fn stdout(&mut self, piece: Bytes) -> Result<(), Failure>;

    /// # Errors
    /// As [`stdout`](Self::stdout).
    fn stderr(&mut self, piece: Bytes) -> Result<(), Failure>;

    /// So many bytes of the body are on their way.
    fn sent(&mut self, _bytes: usize) {}
}

/// What a Responder is sent, and a Filter beyond it.
pub(crate) struct Input {
    pub(crate) stdin: Option<Body>,
    pub(crate) data: Option<Body>,
}

/// Bytes that are worth a buffer of their own.
const LARGE: usize = 16 * 1024;

enum Moved {
    Written(io::Result<usize>),
    Read(io::Result<usize>),
    Piece(io::Result<Option<Bytes>>),
}

impl Link {
    pub(crate) fn new(stream: FcgiStream, limit: Duration) -> Self {
        let (read, write) = tokio::io::split(stream);
        let protocol = Connection::new(Config::default());
        Self { read, write, protocol, buffer: BytesMut::new(), limit, unwritable: false }
    }

    /// Whether another request may be sent.
    pub(crate) fn is_open(&self) -> bool {
        self.protocol.can_begin().is_ok() && !self.unwritable
    }

    /// Sends a request, and gives its answer to `answer`.
    ///
    /// # Errors
    /// When there is no END_REQUEST, or nothing moves for the limit.
    pub(crate) async fn ask(
        &mut self,
        request: &Request,
        mut input: Input,
        answer: &mut impl Answer,
    ) -> Result<EndRequest, Failure> {
        let key = self.begin(request).map_err(misused)?;
        if request.role == Role::AUTHORIZER {
            input.stdin = None;
        } else if input.stdin.is_none() {
            self.protocol.end_stdin(key).map_err(misused)?;
        }
        loop {
            if let Some(end) = self.deliver(key, answer)? {
                return Ok(end);
            }
            if let Some(piece) = self.turn(&mut input).await? {
                let sent = piece.as_ref().map_or(0, Bytes::len);
                self.send(key, request.role, &mut input, piece).map_err(misused)?;
                answer.sent(sent);
            }
        }
    }

    /// Asks for the application's variables (FastCGI §4.1). `None`: it answers that it does not know the question.
    ///
    /// # Errors
    /// When there is no answer.
    pub(crate) async fn values(&mut self) -> Result<Option<Params>, Failure> {
        self.protocol.get_values(&Variable::ALL).map_err(misused)?;
        loop {
            match self.protocol.poll_event() {
                Some(Event::Values(values)) => return Ok(Some(values)),
                Some(Event::ValuesUnsupported) => return Ok(None),
                _ => self.turn(&mut Input { stdin: None, data: None }).await.map(drop)?,
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

    /// Queues a piece of the stream that is under way, or its end.
    fn send(
        &mut self,
        key: RequestKey,
        role: Role,
        input: &mut Input,
        piece: Option<Bytes>,
    ) -> Result<(), UserError> {
        match piece {
            Some(piece) if input.stdin.is_some() => self.protocol.stdin_bytes(key, piece),
            Some(piece) => self.protocol.data_bytes(key, piece),
            None if input.stdin.take().is_some() => self.protocol.end_stdin(key),
            None => {
                input.data = None;
                if role == Role::FILTER { self.protocol.end_data(key) } else { Ok(()) }
            }
        }
    }

    /// What has come of the answer; its end, if that has.
    fn deliver(&mut self, key: RequestKey, answer: &mut impl Answer) -> Result<Option<EndRequest>, Failure> {
        let mut pieces = VecDeque::new();
        while let Some(event) = self.protocol.poll_event() {
            match event {
                Event::RequestEnded(_, end) => return Ok(Some(end)),
                Event::StdoutReadable(_) => {
                    self.protocol.read_stdout(key, &mut pieces).map_err(misused)?;
                    for piece in pieces.drain(..) {
                        self.protocol.release_capacity(key, piece.len());
                        answer.stdout(piece)?;
                    }
                }
                Event::StderrReadable(_) => {
                    self.protocol.read_stderr(key, &mut pieces).map_err(misused)?;
                    for piece in pieces.drain(..) {
                        self.protocol.release_capacity(key, piece.len());
                        answer.stderr(piece)?;
                    }
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// Writes, reads, or takes a piece of the body, whichever can be done first. Gives the piece.
    async fn turn(&mut self, input: &mut Input) -> Result<Option<Option<Bytes>>, Failure> {
        let room = self.protocol.wants_body() && !self.unwritable;
        let body = input.stdin.as_mut().or(input.data.as_mut()).filter(|_| room);
        let (takes, writes) = (body.is_some(), !self.unwritable && self.protocol.output_len() > 0);
        let slice = self.protocol.output().slices().next().unwrap_or_default();
        let piece = async {
            match body {
                Some(body) => body.next().await,
                None => std::future::pending().await,
            }
        };
        self.buffer.reserve(LARGE);
        let moved = timeout(self.limit, async {
            tokio::select! {
                piece = piece, if takes => Moved::Piece(piece),
                written = self.write.write(slice), if writes => Moved::Written(written),
                read = self.read.read_buf(&mut self.buffer) => Moved::Read(read),
            }
        });
        match moved.await.map_err(|_| silent(self.limit))? {
            Moved::Piece(piece) => return Ok(Some(piece.map_err(|error| unreadable(&error))?)),
            Moved::Written(Ok(written)) => self.protocol.output().advance(written),
            Moved::Written(Err(_)) => self.unwritable = true,
            Moved::Read(Ok(0)) => return Err(self.ended()),
            Moved::Read(Ok(_)) => {
                self.received().map_err(broken)?;
            }
            Moved::Read(Err(error)) => return Err(lost(&error)),
        }
        Ok(None)
    }

    /// Takes in what was read.
    fn received(&mut self) -> Result<(), ProtocolError> {
        if self.buffer.len() < LARGE {
            // All of a small answer: the buffer is used again.
            let received = self.protocol.receive(&self.buffer);
            self.buffer.clear();
            received
        } else {
            self.protocol.receive_shared(&self.buffer.split().freeze())
        }
    }

    fn ended(&self) -> Failure {
        Failure::new(match self.protocol.end_of_input() {
            EndOfInput::InRecord => "the application closed the connection in the middle of a record",
            EndOfInput::InRequest => {
                "the application closed the connection before END_REQUEST: its answer is not whole; its log may say why"
            }
            EndOfInput::Clean => "the application closed the connection without an answer",
        })
    }
}

fn silent(limit: Duration) -> Failure {
    Failure::new(format!("nothing came for {} s; --timeout sets for how long to wait", limit.as_secs_f64()))
}

fn unreadable(error: &io::Error) -> Failure {
    Failure::new(format!("the body cannot be read: {error}"))
}

fn lost(error: &io::Error) -> Failure {
    Failure::new(format!("the connection was lost before the answer was whole: {error}"))
}

fn broken(violation: ProtocolError) -> Failure {
    Failure::new(format!(
        "what came is not FastCGI: {violation}. `fcgi dump` shows the bytes; is it an HTTP server?"
    ))
}

fn misused(misuse: UserError) -> Failure {
    Failure::new(format!("this request cannot be sent: {misuse}"))
}
