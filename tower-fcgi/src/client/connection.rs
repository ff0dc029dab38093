//! One connection to an application, as a future.

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::fmt;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use fcgi_core::Key;
use fcgi_core::client::{Connection as Protocol, EndOfInput, Event};
use http_body::Body;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::time::{Sleep, sleep};

use super::config::Config;
use super::error::{Error, Kind};
use super::exchange::{Caller, Exchange};
use super::mailbox::Mailbox;
use super::sender::SendRequest;
use crate::memory;

/// The two ends of a connection to an application: what requests are given to, and the future that drives the
/// transport, which has to be polled for anything to happen.
///
/// Nothing is sent before the first request: FastCGI has no greeting.
pub fn handshake<IO, B>(io: IO, config: Config) -> (SendRequest<B>, Connection<IO, B>)
where
    IO: AsyncRead + AsyncWrite + Unpin,
    B: Body,
{
    let mailbox = Mailbox::new();
    let connection = Connection {
        io,
        protocol: Protocol::new(config.protocol),
        config,
        mailbox: Arc::clone(&mailbox),
        exchange: None,
        phase: Phase::Open,
        written: 0,
        unflushed: false,
        write_error: None,
        timer: None,
    };
    (SendRequest::new(mailbox), connection)
}

/// Drives one connection to an application: a future that ends with it.
///
/// # Output
/// `Ok` when the connection ended between requests, by either side. Any other end is an [`Error`]; whose
/// request it cost has been told as well, so it is for the log.
///
/// # Cancel safety
/// Dropping the future closes the connection, and fails the request that is under way.
///
/// # Panics
/// Polling it outside a tokio runtime panics as soon as it needs a timer.
pub struct Connection<IO, B> {
    io: IO,
    protocol: Protocol,
    config: Config,
    mailbox: Arc<Mailbox<B>>,
    exchange: Option<Exchange<B>>,
    phase: Phase,
    /// Bytes written since the connection began.
    written: u64,
    /// The transport may hold back what was written.
    unflushed: bool,
    /// The transport takes no more, which an application may have a reason for: it has answered already.
    write_error: Option<io::Error>,
    /// Of the end of a request that was given up, or of being idle: there is never more than one of them.
    timer: Option<(Wait, Pin<Box<Sleep>>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// It takes no more requests, and ends.
    Closing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    Idle,
    Abort,
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
        for _ in 0..TURNS {
            let turn = this.turn(cx);
            match turn {
                Ok(_) if this.phase == Phase::Closing => {
                    this.mailbox.close();
                    // An error of the shutdown changes nothing any more.
                    let _ = ready!(Pin::new(&mut this.io).poll_shutdown(cx));
                    return Poll::Ready(Ok(()));
                }
                Ok(true) => {}
                Ok(false) => match this.poll_timer(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(()) => this.phase = Phase::Closing,
                },
                Err(kind) => {
                    this.fail(kind.clone());
                    return Poll::Ready(Err(kind.into()));
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<IO, B> Connection<IO, B>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// One turn, in the one order: the next request, the caller, its body, write, read, deliver. Whether
    /// there may be more to be done at once.
    fn turn(&mut self, cx: &mut Context<'_>) -> Result<bool, Kind> {
        // First of all the input of an idle connection: where the application has closed it, a request must
        // not be taken.
        let mut progress = self.exchange.is_none() && self.poll_read(cx)?;
        if self.phase == Phase::Closing {
            return Ok(false);
        }
        progress |= self.poll_next(cx);
        progress |= self.poll_exchange(cx);
        progress |= self.poll_write(cx);
        progress |= self.poll_read(cx)?;
        self.take_events();
        Ok(progress)
    }

    /// Takes the next request.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> bool {
        if self.exchange.is_some() || self.phase == Phase::Closing {
            return false;
        }
        match self.mailbox.poll_take(cx) {
            Poll::Pending => return false,
            Poll::Ready(None) => self.phase = Phase::Closing,
            Poll::Ready(Some(call)) => {
                self.protocol.output().lend(memory::take_output);
                match Exchange::begin(call, &mut self.protocol, &self.config, self.written) {
                    Ok(exchange) => self.exchange = Some(exchange),
                    // The mailbox is opened only while one can be begun; the caller sees that it was dropped.
                    Err(_) => self.phase = Phase::Closing,
                }
            }
        }
        true
    }

    /// Looks after the caller, and sends its body.
    fn poll_exchange(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(exchange) = &mut self.exchange else { return false };
        match exchange.poll_caller(&mut self.protocol, cx) {
            Caller::WasGone => return false,
            Caller::Gone => {
                exchange.give_up();
                let _ = self.protocol.abort(exchange.key);
                return true;
            }
            Caller::Waits => {}
        }
        if self.write_error.is_some() {
            exchange.stop_upload();
        }
        exchange.poll_upload(&mut self.protocol, cx).unwrap_or_else(|kind| {
            self.abort(kind);
            true
        })
    }

    /// Gives the request up for a reason that is its caller's to know.
    fn abort(&mut self, kind: Kind) {
        if let Some(exchange) = &mut self.exchange {
            exchange.fail(kind, self.written);
            let _ = self.protocol.abort(exchange.key);
        }
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
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once; whether there was anything.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Result<bool, Kind> {
        if !self.protocol.wants_input() {
            // The caller's reading wakes this.
            return Ok(false);
        }
        let (read, received) = memory::with_read_buffer(|buffer| {
            let read = pin!(self.io.read_buf(buffer)).poll(cx);
            if buffer.len() >= SHARED {
                let shared: Bytes = buffer.split().freeze();
                return (read, self.protocol.receive_shared(&shared));
            }
            let received = self.protocol.receive(buffer);
            buffer.clear();
            (read, received)
        });
        let Poll::Ready(read) = read else { return Ok(false) };
        let read = read.map_err(|error| self.lost(error))?;
        if let Err(violation) = received {
            // What came whole before it counts.
            self.take_events();
            return Err(Kind::Violation(violation));
        }
        if read == 0 {
            self.end_of_input()?;
        }
        Ok(true)
    }

    fn end_of_input(&mut self) -> Result<(), Kind> {
        self.take_events();
        match self.protocol.end_of_input() {
            EndOfInput::Clean => {
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

    fn take_events(&mut self) {
        while let Some(event) = self.protocol.poll_event() {
            match event {
                Event::Stdout(key) => self.read_answer(key),
                Event::Stderr(key) => {
                    let mut chunks = VecDeque::new();
                    let _ = self.protocol.read_stderr(key, &mut chunks);
                    for chunk in chunks {
                        self.config.stderr(&chunk);
                        self.protocol.consumed(key, chunk.len());
                    }
                }
                Event::End(key, end) => {
                    if let Some(exchange) = self.exchange.take_if(|exchange| exchange.key == key) {
                        let reusable =
                            exchange.is_sent() && !exchange.is_given_up() && self.write_error.is_none();
                        exchange.end(end, self.written);
                        // What nobody has read of the answer is its body's from now on.
                        let _ = self.protocol.discard(key);
                        self.after(reusable);
                    }
                }
                // Nobody asks for them.
                _ => {}
            }
        }
    }

    fn read_answer(&mut self, key: Key) {
        if let Some(exchange) = self.exchange.as_mut().filter(|exchange| exchange.key == key)
            && let Err(kind) = exchange.read(&mut self.protocol, &self.config)
        {
            self.abort(kind);
        }
    }

    /// A request has ended. A connection that has not sent all of one's body is not used again: there are
    /// applications that take the rest for a part of the next. Nor is one on which a request was aborted: the
    /// application may have ended it before it saw that, and PHP closes the connection when it then finds
    /// ABORT_REQUEST where it looks for the next request's begin.
    fn after(&mut self, reusable: bool) {
        self.timer = None;
        if reusable && self.protocol.can_begin().is_ok() {
            memory::keep_output(self.protocol.output().take_buffer());
            self.protocol.shrink();
            self.mailbox.reopen();
        } else {
            self.phase = Phase::Closing;
        }
    }

    /// Ready when the connection is to be closed for what it waits for.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let wait = match &mut self.exchange {
            None => self.config.idle_timeout.map(|limit| (Wait::Idle, limit)),
            Some(exchange) if exchange.is_given_up() => Some((Wait::Abort, self.config.abort_timeout)),
            Some(_) => None,
        };
        let Some((wait, limit)) = wait else {
            self.timer = None;
            return Poll::Pending;
        };
        let timer = self.timer.take().filter(|(same, _)| *same == wait);
        let (_, timer) = self.timer.insert(timer.unwrap_or_else(|| (wait, after(limit))));
        timer.as_mut().poll(cx)
    }
}

fn after(limit: Duration) -> Pin<Box<Sleep>> {
    Box::pin(sleep(limit))
}

impl<IO, B> Connection<IO, B> {
    /// The connection has ended.
    fn fail(&mut self, kind: Kind)
    where
        B: Body,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        if let Some(mut exchange) = self.exchange.take() {
            exchange.fail(kind, self.written);
        }
        self.mailbox.close();
    }
}

impl<IO, B> Drop for Connection<IO, B> {
    fn drop(&mut self) {
        if let Some(exchange) = &self.exchange {
            exchange.cut_off();
        }
        self.mailbox.close();
    }
}

impl<IO, B> fmt::Debug for Connection<IO, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("phase", &self.phase).finish_non_exhaustive()
    }
}
