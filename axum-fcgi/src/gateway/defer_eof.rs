//! Connections whose end is reported a moment later.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener, TapIo};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::connection_addrs::ConnectionAddrs;

/// A listener for `axum::serve` with which a small request also runs if its client closes right after sending it, as with nginx.
///
/// hyper drops a request when it reads the client's end. If that arrives together with the request, this is before any handler has
/// run, unless the request is larger than what hyper reads at once (some 16 KB). With this listener, hyper calls the Router once in between, so that a [gateway](crate::PhpGateway) can pass the request on.
/// A layer around the gateway that waits for something else can still lose it.
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
        (DeferEofIo { io, eof: Eof::NotRead }, addr)
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
    eof: Eof,
}

impl<IO> DeferEofIo<IO> {
    /// The connection itself.
    pub const fn get_ref(&self) -> &IO {
        &self.io
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Eof {
    NotRead,
    /// It was read, and is reported by the next read.
    Deferred,
}

impl<IO: AsyncRead + Unpin> AsyncRead for DeferEofIo<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        let is_eof =
            matches!(polled, Poll::Ready(Ok(()))) && buf.filled().len() == before && buf.remaining() > 0;
        if is_eof && self.eof == Eof::NotRead {
            self.eof = Eof::Deferred;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        polled
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for DeferEofIo<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
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
    use futures_util::FutureExt as _;
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn the_end_is_deferred_once() {
        let mut connection = DeferEofIo { io: &b"ab"[..], eof: Eof::NotRead };
        let mut buffer = [0; 4];
        assert_eq!(connection.read(&mut buffer).await.unwrap(), 2);
        assert!(connection.read(&mut buffer).now_or_never().is_none());
        for _ in 0..2 {
            assert_eq!(connection.read(&mut buffer).await.unwrap(), 0);
        }
        let mut connection = DeferEofIo { io: &b""[..], eof: Eof::NotRead };
        assert_eq!(connection.read(&mut buffer).await.unwrap(), 0, "the reader is woken");
    }
}
