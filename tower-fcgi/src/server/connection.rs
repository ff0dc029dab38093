//! One connection from a web server, as a future.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::Span;

use super::config::Config;
use super::driver::Driver;
use super::error::Error;
use super::handle::ConnectionHandle;
use super::service::FcgiService;
use crate::stats::Stats;

pin_project! {
    /// A future that serves one connection from a web server and completes with it.
    ///
    /// Most web servers send one request at a time on a connection. It runs in this future itself, without a task or a
    /// channel. A request that begins while another one runs gets a task of its own ([`tokio::spawn`]), so that requests
    /// that share a connection run in parallel.
    ///
    /// Each request gets a clone of the service, and waits until that is ready: see [`FcgiService`]. While requests wait,
    /// others are served, ABORT_REQUEST is handled (FastCGI §5.4), and input is paused once unread bodies reach the
    /// [limits](crate::Limits).
    ///
    /// # Output
    /// `Ok` when the connection ended in good order: after a request without KEEP_CONN, by the web server between two
    /// requests, or by [`graceful_shutdown`](Self::graceful_shutdown). Otherwise an [`Error`], for the log: it needs no
    /// handling.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection and drops the handlers of its requests.
    ///
    /// # Panics
    /// Panics if it is polled outside a tokio runtime and needs a timer or a task.
    pub struct Connection<IO, S>
    where
        S: FcgiService,
    {
        driver: Driver<IO, S>,
        span: Span,
    }
}

impl<IO, S> Connection<IO, S>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: FcgiService,
{
    /// A connection with the default [`Config`].
    pub fn new(io: IO, service: S) -> Self {
        Self::with_config(io, service, &Config::default(), None)
    }

    pub(super) fn with_config(io: IO, service: S, config: &Config, stats: Option<&Stats>) -> Self {
        let span = tracing::debug_span!("fastcgi_connection", peer = tracing::field::Empty);
        Self { driver: Driver::new(io, service, config, stats), span }
    }

    /// Sets a function that prepares the transport for the close after an incomplete response.
    ///
    /// nginx takes a partial response for complete if the connection ends in good order, so the web server must see an error.
    /// With TCP, set SO_LINGER to 0 s, which turns the close into a reset.
    #[must_use]
    pub fn on_incomplete_response(mut self, reset: fn(&IO)) -> Self {
        self.driver.set_on_incomplete_response(reset);
        self
    }

    /// Sets the name of the peer, usually its address: for log events, the connection's tracing span, and
    /// [`Stats::connections`].
    #[must_use]
    pub fn peer(mut self, peer: impl fmt::Debug + Send + 'static) -> Self {
        self.span.record("peer", tracing::field::debug(&peer));
        self.driver.recorder().set_peer(&peer);
        self.driver.handle().set_peer(peer);
        self
    }

    /// A handle that can close the connection from elsewhere, for example another task.
    pub fn handle(&self) -> ConnectionHandle {
        self.driver.handle().clone()
    }

    /// Closes the connection once no request is in flight on it.
    ///
    /// A request whose PARAMS are still being received counts as in flight, and a new connection waits 1 s for its first
    /// request. The future must still be polled to its end.
    pub fn graceful_shutdown(self: Pin<&mut Self>) {
        self.driver.handle().graceful_shutdown();
    }
}

impl<IO, S> Future for Connection<IO, S>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: FcgiService,
{
    type Output = Result<(), Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = this.span.enter();
        let result = this.driver.poll(cx);
        if let Poll::Ready(result) = &result {
            match result {
                Ok(()) => tracing::trace!("connection closed"),
                Err(error) => {
                    let peer = this.driver.handle().peer_name();
                    let error = error as &(dyn std::error::Error + 'static);
                    tracing::debug!(peer, error, "connection failed");
                }
            }
        }
        result
    }
}

impl<IO, S> fmt::Debug for Connection<IO, S>
where
    S: FcgiService,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("active_requests", &self.driver.active_requests())
            .field("state", &self.driver.state())
            .finish_non_exhaustive()
    }
}
