//! One connection to an application, as a future.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use fcgi_core::Key;
use fcgi_core::client::{Connection as Protocol, EndOfInput};
use http_body::Body;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};

use super::config::Config;
use super::dispatch::{Mailbox, Question};
use super::error::{Error, Kind};
use super::exchange::Exchange;
use super::in_flight::UnderWay;
use super::probe::{ANSWER_TIMEOUT, Asking, QUESTION};
use super::send_request::SendRequest;
use super::timeouts::{Due, Waits, after};
use crate::buffer_pool;

/// The two ends of a connection to an application: what requests are given to, and the future that drives the
/// transport, which has to be polled for anything to happen.
///
/// Nothing is sent before the first request, for FastCGI has no greeting; but where the connection is to be
/// [shared](Config::multiplex), the application is asked first whether it can be.
pub fn handshake<IO, B>(io: IO, config: Config) -> (SendRequest<B>, Connection<IO, B>)
where
    IO: AsyncRead + AsyncWrite + Unpin,
    B: Body,
{
    let question = if config.requests() > 1 { Question::Beside } else { Question::No };
    let mailbox = Mailbox::new(None, question);
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
    pub(super) mailbox: Arc<Mailbox<B>>,
    pub(super) under_way: UnderWay<B>,
    /// Requests that may be under way at once.
    pub(super) places: u16,
    pub(super) asking: Asking,
    pub(super) phase: Phase,
    /// Bytes written since the connection began.
    pub(super) written: u64,
    /// The transport may hold back what was written.
    unflushed: bool,
    /// The transport takes no more, which an application may have a reason for: it has answered already.
    pub(super) write_error: Option<io::Error>,
    waits: Waits,
}

/// What is known of the transport's input within one poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    MayBeThere,
    /// There was none. Should some come, the connection is polled again.
    Awaited,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    /// It takes no more requests, and ends with those that are under way.
    Ending,
    /// It ends.
    Closing,
}

/// Slices of one vectored write.
const SLICES: usize = 40;
/// Bytes of a read from which on pieces of it may be shared. Below, the protocol would copy them all.
const SHARED: usize = 8 * 1024;
/// Turns of one poll. A connection that always has more to do lets other tasks run after so many.
const TURNS: usize = 32;

impl<IO, B> Future for Connection<IO, B>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut input = Input::MayBeThere;
        for _ in 0..TURNS {
            let turn = this.turn(cx, &mut input);
            match turn {
                Ok(_) if this.phase == Phase::Closing => {
                    this.mailbox.close();
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
    pub(super) fn new(io: IO, config: Config, mailbox: Arc<Mailbox<B>>) -> Self {
        Self {
            io,
            protocol: Protocol::new(config.protocol),
            under_way: UnderWay::new(config.abort_timeout),
            config,
            mailbox,
            places: 1,
            asking: Asking::No,
            phase: Phase::Open,
            written: 0,
            unflushed: false,
            write_error: None,
            waits: Waits::default(),
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
    fn turn(&mut self, cx: &mut Context<'_>, input: &mut Input) -> Result<bool, Kind> {
        // First of all the input of an idle connection: where the application has closed it, a request must
        // not be taken.
        let mut read = self.under_way.is_empty() && self.poll_read(cx, input)?;
        if self.phase == Phase::Closing {
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
            self.mailbox.pause(self.is_paused());
        }
        Ok(progress || read)
    }

    /// Asks the application how many requests it takes, if that is wanted now.
    fn ask(&mut self, cx: &Context<'_>) {
        if let Some(question) = self.mailbox.take_question(cx) {
            self.protocol.output().lend(buffer_pool::take_output);
            if self.protocol.get_values(&QUESTION).is_ok() {
                self.asking = Asking::Out(question);
            }
        }
    }

    /// Whether a request is better off on another connection for now: it would wait for an answer that nobody reads, or the
    /// application may be about to close this one, as it may where it has no other way to end a request that it was to abort.
    fn is_paused(&self) -> bool {
        self.asking == Asking::Out(Question::Alone)
            || !self.protocol.wants_input()
            || self.under_way.any_given_up()
    }

    /// Takes the next requests.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> bool {
        let mut progress = false;
        while self.phase == Phase::Open
            && self.under_way.len() < usize::from(self.places)
            // Other requests than the first wait for what is to go out before them, and for the end of those that were
            // given up: it may be the connection's.
            && (self.under_way.is_empty() || self.protocol.has_room() && !self.under_way.any_given_up())
        {
            match self.mailbox.poll_take(cx) {
                Poll::Pending => break,
                Poll::Ready(None) => self.end(),
                Poll::Ready(Some(call)) => {
                    self.waits.idle = None;
                    self.protocol.output().lend(buffer_pool::take_output);
                    match Exchange::begin(call, &mut self.protocol, &self.config, self.written) {
                        Ok(Some(exchange)) => self.under_way.push(exchange),
                        Ok(None) => self.mailbox.ended(),
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
        if self.under_way.is_empty() {
            self.phase = Phase::Closing;
        } else if self.phase == Phase::Open {
            self.phase = Phase::Ending;
            self.mailbox.end();
        }
    }

    /// Looks after the callers, and sends their bodies.
    fn poll_exchanges(&mut self, cx: &mut Context<'_>) -> bool {
        let gone = self.under_way.poll_callers(&mut self.protocol, cx, self.written);
        if self.write_error.is_some() {
            self.under_way.stop_uploads();
        }
        if !self.under_way.is_sending() {
            return gone;
        }
        self.protocol.output().lend(buffer_pool::take_output);
        gone | self.under_way.poll_uploads(&mut self.protocol, cx, self.places, self.written)
    }

    /// Gives a request up for a reason that is its caller's to know.
    pub(super) fn abort(&mut self, key: Key, kind: Kind) {
        self.under_way.give_up(key, Some(kind), &mut self.protocol, self.written);
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> bool {
        let before = self.written;
        if self.write_error.is_none()
            && let Poll::Ready(Err(error)) = self.poll_flush(cx)
        {
            self.write_error = Some(error);
        }
        if self.write_error.is_some() {
            // What is left of the output has nowhere to go; the answer may be there all the same.
            self.protocol.output().advance(usize::MAX);
        }
        self.written != before
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.protocol.output().is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
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
    fn poll_read(&mut self, cx: &mut Context<'_>, input: &mut Input) -> Result<bool, Kind> {
        if *input == Input::Awaited || !self.protocol.wants_input() {
            // The transport wakes this, or the caller's reading.
            return Ok(false);
        }
        let (read, received) = buffer_pool::with_read_buffer(|buffer| {
            let read = pin!(self.io.read_buf(buffer)).poll(cx);
            if buffer.len() >= SHARED {
                let shared: Bytes = buffer.split().freeze();
                return (read, self.protocol.receive_shared(&shared));
            }
            let received = if buffer.is_empty() { Ok(()) } else { self.protocol.receive(buffer) };
            buffer.clear();
            (read, received)
        });
        let Poll::Ready(read) = read else {
            *input = Input::Awaited;
            return Ok(false);
        };
        let read = read.map_err(|error| self.lost(error))?;
        if let Err(violation) = received {
            // What came whole before it counts.
            self.take_events();
            return Err(Kind::Violation(violation));
        }
        if read == 0 {
            self.end_of_input()?;
        }
        self.waits.stall = None;
        Ok(true)
    }

    fn end_of_input(&mut self) -> Result<(), Kind> {
        self.take_events();
        match self.protocol.end_of_input() {
            EndOfInput::Clean => {
                self.phase = Phase::Closing;
                Ok(())
            }
            // There are applications that have no other way to end what they were to abort.
            EndOfInput::InRequest if self.under_way.all_given_up() => {
                self.phase = Phase::Closing;
                Ok(())
            }
            EndOfInput::InRecord | EndOfInput::InRequest => {
                Err(self.write_error.take().map_or(Kind::Incomplete, Kind::from))
            }
        }
    }

    /// The transport failed: what it said first is the reason.
    fn lost(&mut self, error: io::Error) -> Kind {
        self.take_events();
        self.write_error.take().unwrap_or(error).into()
    }

    /// Ready when something has not come in time, and what follows from that was done.
    fn poll_waits(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // As it is nearly always.
        let nothing = match self.under_way.len() {
            0 => self.config.idle_timeout.is_none(),
            1 => !self.under_way.any_given_up(),
            _ => false,
        };
        if nothing && self.asking == Asking::No {
            self.waits.clear();
            return Poll::Pending;
        }
        let idle = self.config.idle_timeout.filter(|_| self.under_way.is_empty());
        let answer = matches!(self.asking, Asking::Out(_)).then_some(ANSWER_TIMEOUT);
        let stalled = self.under_way.len() > 1 && !self.protocol.wants_input();
        let stall = stalled.then_some(self.config.pause_timeout);
        for (wait, limit) in
            [(&mut self.waits.idle, idle), (&mut self.waits.answer, answer), (&mut self.waits.stall, stall)]
        {
            *wait = limit.map(|limit| wait.unwrap_or_else(|| after(limit)));
        }
        // A connection that ends with the others does so whether this one ends in time or not.
        let counts = self.phase == Phase::Open || self.under_way.all_given_up();
        let abort = if counts { self.under_way.deadline() } else { None };
        match ready!(self.waits.poll(abort, cx)) {
            Due::Idle => self.phase = Phase::Closing,
            Due::Answer => self.no_answer(),
            Due::Abort if self.under_way.all_given_up() => self.phase = Phase::Closing,
            Due::Abort => self.end(),
            Due::Stall => {
                self.waits.stall = None;
                if let Some(key) = self.under_way.most_unread() {
                    self.abort(key, Kind::Stalled);
                }
            }
        }
        Poll::Ready(())
    }
}

impl<IO, B> Connection<IO, B> {
    /// The connection has ended.
    fn fail(&mut self, kind: &Kind)
    where
        B: Body,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.under_way.fail(kind, self.written);
        self.mailbox.close();
    }
}

// A body is put into a box of its own before it is polled.
impl<IO: Unpin, B> Unpin for Connection<IO, B> {}

impl<IO, B> Drop for Connection<IO, B> {
    fn drop(&mut self) {
        self.under_way.cut_off();
        self.mailbox.close();
    }
}

impl<IO, B> fmt::Debug for Connection<IO, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("phase", &self.phase).finish_non_exhaustive()
    }
}
