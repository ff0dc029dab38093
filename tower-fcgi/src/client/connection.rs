//! One connection to an application, as a future.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite};

use super::config::Config;
use super::dispatch::RequestChannel;
use super::driver::{Closing, Driver};
use super::error::{Error, ErrorCause};
use super::probe::Probe;
use super::send_request::SendRequest;
use super::state::State;
use super::timeouts::Timer;
use super::transport::Transport;
use crate::progress::Progress;

/// Makes a connection to an application from a transport: a [`SendRequest`], which sends requests, and a [`Connection`],
/// which drives them.
///
/// The [`Connection`] must be polled, for example in a task of its own. Nothing is sent before the first request, because
/// FastCGI has no greeting. The exception is a connection for
/// [several requests at once](Config::with_max_concurrent_requests): it begins with a probe whether the application takes
/// them (FastCGI §4.1).
pub fn handshake<IO, B>(io: IO, config: Config) -> (SendRequest<B>, Connection<IO, B>)
where
    IO: AsyncRead + AsyncWrite + Unpin,
    B: Body,
{
    let probe =
        if config.max_in_flight() > 1 { Probe::Wanted { exclusive: false } } else { Probe::NotNeeded };
    let requests = RequestChannel::new(None, probe);
    (SendRequest::new(Arc::clone(&requests)), Connection::new(io, config, requests))
}

/// A future that drives one connection to an application and completes with it.
///
/// # Output
/// `Ok` if either side closed the connection between requests. Otherwise an [`Error`], for the log: the requests that
/// failed with the connection return it too.
///
/// # Cancel safety
/// Dropping the future closes the connection and fails the requests in flight.
///
/// # Panics
/// Panics if a timer is needed outside a tokio runtime.
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Empty;
/// use tokio::net::TcpStream;
/// use tower_fcgi::client::{Config, Connection, SendRequest, handshake};
///
/// type Body = Empty<Bytes>;
///
/// async fn connect(address: &str) -> std::io::Result<SendRequest<Body>> {
///     let stream = TcpStream::connect(address).await?;
///     let (sender, connection): (_, Connection<_, Body>) = handshake(stream, Config::default());
///     tokio::spawn(async move {
///         if let Err(error) = connection.await {
///             eprintln!("{error}");
///         }
///     });
///     Ok(sender)
/// }
/// ```
pub struct Connection<IO, B> {
    /// Dropped first: requests fail before the transport is closed.
    driver: Driver<B>,
    transport: Transport<IO>,
}

/// The most iterations of one poll; then other tasks run.
const MAX_POLL_ITERATIONS: usize = 32;

impl<IO, B> Connection<IO, B> {
    pub(super) fn new(io: IO, config: Config, requests: Arc<RequestChannel<B>>) -> Self {
        Self { driver: Driver::new(config, requests), transport: Transport::new(io) }
    }
}

impl<IO, B> Future for Connection<IO, B>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.transport.begin_poll();
        for _ in 0..MAX_POLL_ITERATIONS {
            match this.poll_once(cx) {
                Ok(Progress::Made) => {}
                Ok(Progress::Blocked) => ready!(this.driver.poll_timers(cx, this.transport.write_status())),
                Ok(Progress::Finished) => {
                    this.driver.requests.close_with(State::Closed);
                    return match this.driver.closing {
                        Closing::Shutdown => this.poll_shutdown(cx).map(Ok),
                        Closing::Drop => Poll::Ready(Ok(())),
                    };
                }
                Err(kind) => {
                    this.driver.fail(&kind, this.transport.write_status());
                    return Poll::Ready(Err(kind.into()));
                }
            }
        }
        // A connection that always has more to do has timeouts, too.
        let _ = this.driver.poll_timers(cx, this.transport.write_status());
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
    /// Runs each step once: takes requests, polls callers and bodies, writes, reads, handles events.
    fn poll_once(&mut self, cx: &mut Context<'_>) -> Result<Progress, ErrorCause> {
        let mut read = Progress::Blocked;
        if self.driver.in_flight.is_empty() {
            // Read first: if the application has closed the connection, take no request.
            read = self.poll_read(cx)?;
        }
        if self.driver.state.is_closed() {
            return Ok(Progress::Finished);
        }
        self.driver.poll_probe(cx);
        let write = self.transport.write_status();
        let mut progress = self.driver.poll_requests(cx, write);
        progress |= self.driver.poll_exchanges(cx, write);
        progress |= self.transport.poll_write(&mut self.driver.protocol, cx);
        read |= self.poll_read(cx)?;
        if read.is_made() {
            self.driver.handle_events(self.transport.write_status());
        }
        self.driver.update_pause();
        Ok(if self.driver.state.is_closed() { Progress::Finished } else { progress | read })
    }

    /// Shuts down the transport, for at most the abort timeout. A pool counts a connection that is not kept until then.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match (self.transport.poll_shutdown(cx), self.driver.config.abort_timeout) {
            (Poll::Pending, Some(limit)) => self.driver.timers.poll_shutdown(limit, cx),
            (shutdown, _) => shutdown,
        }
    }

    /// Reads once. The end of the stream counts as progress.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Result<Progress, ErrorCause> {
        match self.transport.poll_read(&mut self.driver.protocol, cx) {
            Ok(Progress::Blocked) => return Ok(Progress::Blocked),
            Ok(Progress::Made) => {}
            Ok(Progress::Finished) => self.end_of_input(Ok(()))?,
            Err(kind) => self.end_of_input(Err(kind))?,
        }
        self.driver.timers.stop(Timer::BodyStall);
        Ok(Progress::Made)
    }

    /// Handles the end or the failure of the stream, after the events received before it.
    #[cold]
    fn end_of_input(&mut self, read: Result<(), ErrorCause>) -> Result<(), ErrorCause> {
        self.driver.handle_events(self.transport.write_status());
        read?;
        self.driver.end_of_input().map_err(|kind| self.transport.write_failure().cloned().unwrap_or(kind))
    }
}

// Sound to move: bodies of requests are boxed before they are pinned.
impl<IO: Unpin, B> Unpin for Connection<IO, B> {}

impl<IO, B> fmt::Debug for Connection<IO, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("state", &self.driver.state).finish_non_exhaustive()
    }
}
