//! Connections whose end is reported a moment later: see [`DeferEof`].

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener, TapIo};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep, sleep};

use crate::connection_addrs::ConnectionAddrs;

/// How long the end of a connection is held back. The tasks of requests that arrived with it are polled before a timer is.
const DELAY: Duration = Duration::from_millis(10);

/// For how long writes to a client that has left are dropped, unless hyper reads the end earlier.
const MAX_DROPPING: Duration = Duration::from_secs(1);

/// How many bytes of those writes are dropped: enough for HTTP/2's settings and a head. After them a write fails, so that a download
/// ends although hyper does not read the end: it has input left that it has not parsed.
const MAX_DROPPED_BYTES: usize = 64 * 1024;

/// A listener for `axum::serve` with which a small request also runs if its client closes right after sending it, as with nginx.
///
/// hyper drops the requests of a connection when it reads the client's end, or cannot write to it. If that comes with the
/// request, this is before any handler has run, unless the request is larger than what hyper reads at once (some 16 KB).
///
/// With this listener, hyper learns of the end 10 ms later, and what it writes until then to a client that is gone is dropped. So
/// the Router is called in between, over HTTP/1 and HTTP/2, and a [gateway](crate::PhpGateway) can pass the request on. A layer
/// around the gateway that waits for something else can still lose it.
///
/// ```
/// # use axum::Router;
/// # use tokio::net::TcpListener;
/// use axum::serve::ListenerExt as _;
/// use axum_fcgi::{ConnectionAddrs, DeferEof};
/// # async fn serve(listener: TcpListener, router: Router) -> std::io::Result<()> {
/// let router = router.into_make_service_with_connect_info::<ConnectionAddrs>();
/// // A page of several parts would wait for an acknowledgement after the first.
/// let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
/// axum::serve(DeferEof::new(listener), router).await
/// # }
/// ```
///
/// For `ConnectInfo<SocketAddr>`, which axum has for its own listeners only: `DeferEof::new(listener).tap_io(|_| {})`.
///
/// # Panics
/// Reading panics at the end of a connection outside a tokio runtime whose time is enabled.
#[derive(Debug)]
pub struct DeferEof<L> {
    listener: L,
}

impl<L> DeferEof<L> {
    /// Wraps a listener.
    pub const fn new(listener: L) -> Self {
        Self { listener }
    }
}

impl<L: Listener> Listener for DeferEof<L> {
    type Io = DeferEofIo<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (io, addr) = self.listener.accept().await;
        (DeferEofIo::new(io), addr)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

impl<F> Connected<IncomingStream<'_, DeferEof<TapIo<TcpListener, F>>>> for ConnectionAddrs
where
    F: FnMut(&mut TcpStream) + Send + 'static,
{
    fn connect_info(stream: IncomingStream<'_, DeferEof<TapIo<TcpListener, F>>>) -> Self {
        Self::of(*stream.remote_addr(), stream.io().get_ref())
    }
}

impl Connected<IncomingStream<'_, DeferEof<TcpListener>>> for ConnectionAddrs {
    fn connect_info(stream: IncomingStream<'_, DeferEof<TcpListener>>) -> Self {
        Self::of(*stream.remote_addr(), stream.io().get_ref())
    }
}

/// A connection of [`DeferEof`].
///
/// ```
/// use axum::extract::connect_info::Connected;
/// use axum::serve::IncomingStream;
/// use axum_fcgi::{DeferEof, DeferEofIo};
/// use tokio::net::{TcpListener, TcpStream};
///
/// /// The port at which a connection was accepted, for handlers.
/// #[derive(Debug, Clone)]
/// struct Port(Option<u16>);
///
/// impl Connected<IncomingStream<'_, DeferEof<TcpListener>>> for Port {
///     fn connect_info(stream: IncomingStream<'_, DeferEof<TcpListener>>) -> Self {
///         let io: &DeferEofIo<TcpStream> = stream.io();
///         Self(io.get_ref().local_addr().ok().map(|addr| addr.port()))
///     }
/// }
/// ```
#[derive(Debug)]
pub struct DeferEofIo<IO> {
    io: IO,
    end: End,
    /// When the first write failed.
    write_failed: Option<Instant>,
    /// Bytes that were dropped since.
    dropped: usize,
}

/// The end of what can be read.
#[derive(Debug)]
enum End {
    NotRead,
    /// It was read, as EOF or as an error, and is reported after the delay.
    Deferred {
        result: io::Result<()>,
        delay: Pin<Box<Sleep>>,
    },
    Reported,
}

impl<IO> DeferEofIo<IO> {
    const fn new(io: IO) -> Self {
        Self { io, end: End::NotRead, write_failed: None, dropped: 0 }
    }

    /// The connection itself.
    pub const fn get_ref(&self) -> &IO {
        &self.io
    }

    /// Whether to drop what could not be written, as if it was sent: a read will report the end, after what arrived before it.
    fn drops(&mut self, error: &io::Error, len: usize) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
        self.dropped = self.dropped.saturating_add(len);
        matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset)
            && !matches!(self.end, End::Reported)
            && self.dropped <= MAX_DROPPED_BYTES
            && self.write_failed.get_or_insert_with(Instant::now).elapsed() < MAX_DROPPING
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for DeferEofIo<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let End::NotRead = this.end {
            let before = buf.remaining();
            let result = ready!(Pin::new(&mut this.io).poll_read(cx, buf));
            if result.is_ok() && (buf.remaining() < before || before == 0) {
                return Poll::Ready(Ok(()));
            }
            this.end = End::Deferred { result, delay: Box::pin(sleep(DELAY)) };
        }
        if let End::Deferred { delay, .. } = &mut this.end {
            ready!(delay.as_mut().poll(cx));
        }
        Poll::Ready(match std::mem::replace(&mut this.end, End::Reported) {
            End::Deferred { result, .. } => result,
            End::NotRead | End::Reported => Ok(()),
        })
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for DeferEofIo<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.io).poll_write(cx, buf) {
            Poll::Ready(Err(error)) if self.drops(&error, buf.len()) => Poll::Ready(Ok(buf.len())),
            polled => polled,
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let len = bufs.iter().map(|buf| buf.len()).sum();
        match Pin::new(&mut self.io).poll_write_vectored(cx, bufs) {
            Poll::Ready(Err(error)) if self.drops(&error, len) => Poll::Ready(Ok(len)),
            polled => polled,
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Has two bytes to read. Then, and on writing, its client is gone.
    struct Reset(&'static [u8]);

    impl AsyncRead for Reset {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if self.0.is_empty() {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            Pin::new(&mut self.0).poll_read(cx, buf)
        }
    }

    impl AsyncWrite for Reset {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_is_deferred_once() {
        let mut connection = DeferEofIo::new(&b"ab"[..]);
        let mut buffer = [0; 4];
        let started = Instant::now();
        assert_eq!(connection.read(&mut buffer).await.unwrap(), 2);
        assert_eq!(started.elapsed(), Duration::ZERO);
        for _ in 0..2 {
            assert_eq!(connection.read(&mut buffer).await.unwrap(), 0);
            assert_eq!(started.elapsed(), DELAY);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_download_is_not_dropped_for_a_client_that_is_gone() {
        let mut connection = DeferEofIo::new(Reset(b"ab"));
        let mut sent = 0;
        let error = loop {
            match connection.write(&[0; 8 * 1024]).await {
                Ok(len) => sent += len,
                Err(error) => break error,
            }
        };
        assert_eq!((sent, error.kind()), (MAX_DROPPED_BYTES, io::ErrorKind::BrokenPipe));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reset_is_deferred_too() {
        let mut connection = DeferEofIo::new(Reset(b"ab"));
        let mut buffer = [0; 4];
        let started = Instant::now();
        // HTTP/2 writes before it reads the request.
        connection.write_all(b"settings").await.unwrap();
        let buffers = [io::IoSlice::new(b"head"), io::IoSlice::new(b"rs")];
        assert_eq!(connection.write_vectored(&buffers).await.unwrap(), 6);
        // However long it takes until it does.
        tokio::time::advance(2 * DELAY).await;
        connection.write_all(b"more settings").await.unwrap();
        assert_eq!(connection.read(&mut buffer).await.unwrap(), 2);
        assert_eq!(started.elapsed(), 2 * DELAY);
        let error = connection.read(&mut buffer).await.unwrap_err();
        assert_eq!((error.kind(), started.elapsed()), (io::ErrorKind::ConnectionReset, 3 * DELAY));
        assert_eq!(connection.read(&mut buffer).await.unwrap(), 0);
        assert_eq!(connection.write(b"late").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[tokio::test(start_paused = true)]
    async fn writing_without_reading_fails_at_last() {
        let mut connection = DeferEofIo::new(Reset(b"ab"));
        connection.write_all(b"a response").await.unwrap();
        tokio::time::advance(MAX_DROPPING).await;
        assert_eq!(connection.write(b"more").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
