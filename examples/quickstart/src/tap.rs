//! A transport that tells what passes through it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::records::Peer;
use crate::trace::{Audience, Trace};

/// The web server's end of a connection: what is written to it comes from the web server, what is read from it from
/// the application. Bytes, errors and waiting are those of the transport inside.
#[derive(Debug)]
pub struct Tapped<IO> {
    io: IO,
    trace: Trace,
}

impl<IO> Tapped<IO> {
    /// Tells of requests over `io` whoever `audience` says.
    pub fn new(io: IO, audience: Audience) -> Self {
        Self { io, trace: Trace::new(audience) }
    }
}

impl<IO> Drop for Tapped<IO> {
    fn drop(&mut self) {
        self.trace.closed(Peer::WebServer);
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Tapped<IO> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let (had, room) = (buf.filled().len(), buf.remaining());
        let result = ready!(Pin::new(&mut this.io).poll_read(cx, buf));
        let read = &buf.filled()[had..];
        if !read.is_empty() {
            this.trace.bytes(Peer::Application, read);
        } else if result.is_err() || room > 0 {
            this.trace.closed(Peer::Application);
        }
        Poll::Ready(result)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Tapped<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.io).poll_write(cx, buf))?;
        this.trace.bytes(Peer::WebServer, &buf[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.io).poll_write_vectored(cx, slices))?;
        let mut left = written;
        for slice in slices {
            let part = &slice[..slice.len().min(left)];
            this.trace.bytes(Peer::WebServer, part);
            left -= part.len();
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = ready!(Pin::new(&mut this.io).poll_shutdown(cx));
        this.trace.closed(Peer::WebServer);
        Poll::Ready(result)
    }
}
