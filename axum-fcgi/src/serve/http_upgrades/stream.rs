//! The transport of an HTTP connection, which becomes the upgraded stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tower_fcgi::stats::HttpConnection;

use crate::accept::{HttpHandle, ReadWait, TrackedGuard};

/// How long a connection that shuts down waits for its first request, as over FastCGI. A web server connects when it has a
/// request, but tokio may find a new socket empty until the system has reported the bytes that it has queued.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// Counts as an open connection until it is dropped, by hyper or by the handler that it was upgraded for.
///
/// A graceful shutdown ends the client's direction, as it does over FastCGI; but never under a request, whose handler hyper
/// would drop, and not before the first one had its time to arrive. An abort is an error in both directions.
pub(super) struct UpgradeStream<IO> {
    io: IO,
    handle: HttpHandle,
    idle: Option<Idle>,
    /// [`FIRST_REQUEST_TIMEOUT`], from when the shutdown was noticed.
    first_request: Option<Pin<Box<Sleep>>>,
    _guard: TrackedGuard,
    counted: Option<HttpConnection>,
}

/// Fails a read of an upgraded stream when no byte has passed for `limit`.
struct Idle {
    limit: Duration,
    last: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl<IO> UpgradeStream<IO> {
    pub(super) fn new(
        io: IO,
        handle: HttpHandle,
        guard: TrackedGuard,
        idle_timeout: Option<Duration>,
        counted: Option<HttpConnection>,
    ) -> Self {
        let idle = idle_timeout.map(|limit| {
            let last = Instant::now();
            Idle { limit, last, sleep: Box::pin(sleep_until(last + limit)) }
        });
        Self { io, handle, idle, first_request: None, _guard: guard, counted }
    }

    fn moved(&mut self) {
        if let Some(idle) = &mut self.idle {
            idle.last = Instant::now();
        }
    }

    fn poll_first_request_timeout(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.first_request.get_or_insert_with(|| Box::pin(sleep(FIRST_REQUEST_TIMEOUT)));
        timer.as_mut().poll(cx)
    }
}

impl Idle {
    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.sleep.as_mut().poll(cx).is_ready() {
            let ends = self.last + self.limit;
            if ends <= Instant::now() {
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(ends);
        }
        Poll::Pending
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for UpgradeStream<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.handle.check_aborted()?;
        let filled = buf.filled().len();
        // What has arrived is read even on shutdown: it may be a request that the system had queued.
        if let Poll::Ready(read) = Pin::new(&mut self.io).poll_read(cx, buf) {
            self.moved();
            if buf.filled().len() > filled {
                self.handle.received();
            }
            return Poll::Ready(read);
        }
        let this = &mut *self;
        if this.handle.is_upgraded() {
            if let Some(counted) = &mut this.counted {
                counted.upgraded();
            }
            if let Some(idle) = &mut this.idle
                && idle.poll_expired(cx).is_ready()
            {
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the upgraded stream is idle",
                )));
            }
        }
        // Ready without bytes is the end.
        match this.handle.poll_readable(cx)? {
            ReadWait::Unlimited => Poll::Pending,
            ReadWait::FirstRequest => this.poll_first_request_timeout(cx).map(Ok),
            ReadWait::Ended => Poll::Ready(Ok(())),
        }
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for UpgradeStream<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.handle.poll_writable(cx)?;
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        if written.is_ready() {
            self.moved();
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.handle.poll_writable(cx)?;
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        if written.is_ready() {
            self.moved();
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.handle.poll_writable(cx)?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
