//! One connection to an application, as a future.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use fcgi_core::RequestKey;
use fcgi_core::client::{Connection as Protocol, EndOfInput};
use http_body::Body;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};

use super::config::Config;
use super::dispatch::{Question, RequestChannel};
use super::error::{Error, ErrorKind};
use super::exchange::ClientExchange;
use super::in_flight::InFlight;
use super::probe::{ANSWER_TIMEOUT, PROBE_VARIABLES, Probe};
use super::send_request::SendRequest;
use super::timeouts::{Expired, Timers, deadline_after};
use crate::buffer_pool;

/// The two ends of a connection to an application: what requests are given to, and the future that drives the
/// transport, which has to be polled for anything to happen.
///
/// Nothing is sent before the first request, for FastCGI has no greeting; but where the connection is to be
/// [shared](Config::with_max_concurrent_requests), the application is asked first whether it can be.
pub fn handshake<IO, B>(io: IO, config: Config) -> (SendRequest<B>, Connection<IO, B>)
where
    IO: AsyncRead + AsyncWrite + Unpin,
    B: Body,
{
    let question = if config.requests() > 1 { Question::Beside } else { Question::No };
    let mailbox = RequestChannel::new(None, question);
    (SendRequest::new(Arc::clone(&mailbox)), Connection::new(io, config, mailbox))
}

/// Drives one connection to an application: a future that ends with it.
///
/// # Output
/// `Ok` when the connection ended between requests, by either side. Any other end is an [`Error`]; whose
/// request it cost has been told as well, so it is for the log.
///
/// # Cancel safety
/// Dropping the future closes the connection, and fails the requests that are under way.
///
/// # Panics
/// Polling it outside a tokio runtime panics as soon as it needs a timer.
pub struct Connection<IO, B> {
    io: IO,
    pub(super) protocol: Protocol,
    pub(super) config: Config,
    pub(super) requests: Arc<RequestChannel<B>>,
    pub(super) in_flight: InFlight<B>,
    /// Requests that may be under way at once.
    pub(super) capacity: u16,
    pub(super) probe: Probe,
    pub(super) state: State,
    /// Bytes written since the connection began.
    pub(super) written: u64,
    /// The transport may hold back what was written.
    unflushed: bool,
    /// The transport takes no more, which an application may have a reason for: it has answered already.
    pub(super) write_failure: Option<io::Error>,
    timers: Timers,
}

/// What is known of the transport's input within one poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReadReadiness {
    MayBeThere,
    /// There was none. Should some come, the connection is polled again.
    Awaited,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Open,
    /// It takes no more requests, and ends with those that are under way.
    Draining,
    /// It ends.
    Closed,
}

/// Slices of one vectored write.
const MAX_SLICES: usize = 40;
/// Bytes of a read from which on pieces of it may be shared. Below, the protocol would copy them all.
const SHARED_READ: usize = 8 * 1024;
/// Turns of one poll. A connection that always has more to do lets other tasks run after so many.
const MAX_POLL_ITERATIONS: usize = 32;

impl<IO, B> Future for Connection<IO, B>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut input = ReadReadiness::MayBeThere;
        for _ in 0..MAX_POLL_ITERATIONS {
            let turn = this.turn(cx, &mut input);
            match turn {
                Ok(_) if this.state == State::Closed => {
                    this.requests.close_with();
                    // An error of the shutdown changes nothing any more.
                    let _ = ready!(Pin::new(&mut this.io).poll_shutdown(cx));
                    return Poll::Ready(Ok(()));
                }
                Ok(true) => {}
                Ok(false) => ready!(this.poll_waits(cx)),
                Err(kind) => {
                    this.fail(&kind);
                    return Poll::Ready(Err(kind.into()));
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<IO, B> Connection<IO, B> {
    pub(super) fn new(io: IO, config: Config, mailbox: Arc<RequestChannel<B>>) -> Self {
        Self {
            io,
            protocol: Protocol::new(config.protocol),
            in_flight: InFlight::new(config.abort_timeout),
            config,
            requests: mailbox,
            capacity: 1,
            probe: Probe::No,
            state: State::Open,
            written: 0,
            unflushed: false,
            write_failure: None,
            timers: Timers::default(),
        }
    }
}

impl<IO, B> Connection<IO, B>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// One turn, in the one order: the next requests, the callers, their bodies, write, read, deliver. Whether
    /// there may be more to be done at once.
    fn turn(&mut self, cx: &mut Context<'_>, input: &mut ReadReadiness) -> Result<bool, ErrorKind> {
        // First of all the input of an idle connection: where the application has closed it, a request must
        // not be taken.
        let mut read = self.in_flight.is_empty() && self.poll_read(cx, input)?;
        if self.state == State::Closed {
            return Ok(false);
        }
        if self.config.requests() > 1 {
            self.ask(cx);
        }
        let mut progress = self.poll_next(cx);
        progress |= self.poll_exchanges(cx);
        progress |= self.poll_write(cx);
        read |= self.poll_read(cx, input)?;
        if read {
            self.take_events();
        }
        if self.config.requests() > 1 {
            self.requests.pause(self.is_paused());
        }
        Ok(progress || read)
    }

    /// Asks the application how many requests it takes, if that is wanted now.
    fn ask(&mut self, cx: &Context<'_>) {
        if let Some(question) = self.requests.take_question(cx) {
            self.protocol.output().set_buffer(buffer_pool::take_output);
            if self.protocol.get_values(&PROBE_VARIABLES).is_ok() {
                self.probe = Probe::Out(question);
            }
        }
    }

    /// Whether a request is better off on another connection for now: it would wait for an answer that nobody reads, or the
    /// application may be about to close this one, as it may where it has no other way to end a request that it was to abort.
    fn is_paused(&self) -> bool {
        self.probe == Probe::Out(Question::Alone)
            || !self.protocol.wants_read()
            || self.in_flight.any_aborted()
    }

    /// Takes the next requests.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> bool {
        let mut progress = false;
        while self.state == State::Open
            && self.in_flight.len() < usize::from(self.capacity)
            // Other requests than the first wait for what is to go out before them, and for the end of those that were
            // given up: it may be the connection's.
            && (self.in_flight.is_empty() || self.protocol.wants_body() && !self.in_flight.any_aborted())
        {
            match self.requests.poll_recv(cx) {
                Poll::Pending => break,
                Poll::Ready(None) => self.end(),
                Poll::Ready(Some(call)) => {
                    self.timers.idle = None;
                    self.protocol.output().set_buffer(buffer_pool::take_output);
                    match ClientExchange::begin(call, &mut self.protocol, &self.config, self.written) {
                        Ok(Some(exchange)) => self.in_flight.push(exchange),
                        Ok(None) => self.requests.ended(),
                        // No more are taken than can be begun; the caller sees that it was dropped.
                        Err(_) => self.end(),
                    }
                }
            }
            progress = true;
        }
        progress
    }

    /// Takes no more requests, and ends with those that are under way.
    pub(super) fn end(&mut self) {
        if self.in_flight.is_empty() {
            self.state = State::Closed;
        } else if self.state == State::Open {
            self.state = State::Draining;
            self.requests.end();
        }
    }

    /// Looks after the callers, and sends their bodies.
    fn poll_exchanges(&mut self, cx: &mut Context<'_>) -> bool {
        let gone = self.in_flight.poll_callers(&mut self.protocol, cx, self.written);
        if self.write_failure.is_some() {
            self.in_flight.stop_uploads();
        }
        if !self.in_flight.is_sending() {
            return gone;
        }
        self.protocol.output().set_buffer(buffer_pool::take_output);
        gone | self.in_flight.poll_uploads(&mut self.protocol, cx, self.capacity, self.written)
    }

    /// Gives a request up for a reason that is its caller's to know.
    pub(super) fn abort(&mut self, key: RequestKey, kind: ErrorKind) {
        self.in_flight.abort(key, Some(kind), &mut self.protocol, self.written);
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> bool {
        let before = self.written;
        if self.write_failure.is_none()
            && let Poll::Ready(Err(error)) = self.poll_flush(cx)
        {
            self.write_failure = Some(error);
        }
        if self.write_failure.is_some() {
            // What is left of the output has nowhere to go; the answer may be there all the same.
            self.protocol.output().advance(usize::MAX);
        }
        self.written != before
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.protocol.output().is_empty() {
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let mut len = 0;
            for (place, slice) in slices.iter_mut().zip(self.protocol.output().slices()) {
                *place = IoSlice::new(slice);
                len += 1;
            }
            let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, &slices[..len]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.protocol.output().advance(written);
            self.written += written as u64;
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.unflushed = false;
            // Other connections of this thread use the same memory, while this one waits.
            buffer_pool::keep_output(self.protocol.output().take_buffer());
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once; whether there was anything.
    fn poll_read(&mut self, cx: &mut Context<'_>, input: &mut ReadReadiness) -> Result<bool, ErrorKind> {
        if *input == ReadReadiness::Awaited || !self.protocol.wants_read() {
            // The transport wakes this, or the caller's reading.
            return Ok(false);
        }
        let (read, received) = buffer_pool::with_read_buffer(|buffer| {
            let read = pin!(self.io.read_buf(buffer)).poll(cx);
            if buffer.len() >= SHARED_READ {
                let shared: Bytes = buffer.split().freeze();
                return (read, self.protocol.receive_shared(&shared));
            }
            let received = if buffer.is_empty() { Ok(()) } else { self.protocol.receive(buffer) };
            buffer.clear();
            (read, received)
        });
        let Poll::Ready(read) = read else {
            *input = ReadReadiness::Awaited;
            return Ok(false);
        };
        let read = read.map_err(|error| self.lost(error))?;
        if let Err(violation) = received {
            // What came whole before it counts.
            self.take_events();
            return Err(ErrorKind::Protocol(violation));
        }
        if read == 0 {
            self.end_of_input()?;
        }
        self.timers.stall = None;
        Ok(true)
    }

    fn end_of_input(&mut self) -> Result<(), ErrorKind> {
        self.take_events();
        match self.protocol.end_of_input() {
            EndOfInput::Clean => {
                self.state = State::Closed;
                Ok(())
            }
            // There are applications that have no other way to end what they were to abort.
            EndOfInput::InRequest if self.in_flight.all_aborted() => {
                self.state = State::Closed;
                Ok(())
            }
            EndOfInput::InRecord | EndOfInput::InRequest => {
                Err(self.write_failure.take().map_or(ErrorKind::Incomplete, ErrorKind::from))
            }
        }
    }

    /// The transport failed: what it said first is the reason.
    fn lost(&mut self, error: io::Error) -> ErrorKind {
        self.take_events();
        self.write_failure.take().unwrap_or(error).into()
    }

    /// Ready when something has not come in time, and what follows from that was done.
    fn poll_waits(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // As it is nearly always.
        let nothing = match self.in_flight.len() {
            0 => self.config.keep_alive_timeout.is_none(),
            1 => !self.in_flight.any_aborted(),
            _ => false,
        };
        if nothing && self.probe == Probe::No {
            self.timers.clear();
            return Poll::Pending;
        }
        let idle = self.config.keep_alive_timeout.filter(|_| self.in_flight.is_empty());
        let answer = matches!(self.probe, Probe::Out(_)).then_some(ANSWER_TIMEOUT);
        let stalled = self.in_flight.len() > 1 && !self.protocol.wants_read();
        let stall = self.config.body_stall_timeout.filter(|_| stalled);
        for (wait, limit) in [
            (&mut self.timers.idle, idle),
            (&mut self.timers.answer, answer),
            (&mut self.timers.stall, stall),
        ] {
            *wait = limit.map(|limit| wait.unwrap_or_else(|| deadline_after(limit)));
        }
        // A connection that ends with the others does so whether this one ends in time or not.
        let counts = self.state == State::Open || self.in_flight.all_aborted();
        let abort = if counts { self.in_flight.deadline() } else { None };
        match ready!(self.timers.poll(abort, cx)) {
            Expired::Idle => self.state = State::Closed,
            Expired::Answer => self.no_answer(),
            Expired::Abort if self.in_flight.all_aborted() => self.state = State::Closed,
            Expired::Abort => self.end(),
            Expired::Stall => {
                self.timers.stall = None;
                if let Some(key) = self.in_flight.largest_unread() {
                    self.abort(key, ErrorKind::Stalled);
                }
            }
        }
        Poll::Ready(())
    }
}

impl<IO, B> Connection<IO, B> {
    /// The connection has ended.
    fn fail(&mut self, kind: &ErrorKind)
    where
        B: Body,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.in_flight.fail(kind, self.written);
        self.requests.close_with();
    }
}

// A body is put into a box of its own before it is polled.
impl<IO: Unpin, B> Unpin for Connection<IO, B> {}

impl<IO, B> Drop for Connection<IO, B> {
    fn drop(&mut self) {
        self.in_flight.cut_off();
        self.requests.close_with();
    }
}

impl<IO, B> fmt::Debug for Connection<IO, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("phase", &self.state).finish_non_exhaustive()
    }
}
