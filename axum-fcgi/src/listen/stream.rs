//! A TCP or unix connection as one type.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// A connection that a [`FcgiListener`](crate::FcgiListener) accepted, or one to an [`Address`](crate::Address).
///
/// ```
/// use axum_fcgi::{Address, FcgiStream};
///
/// /// Connects to an application, as a web server does.
/// async fn connect(address: Address) -> std::io::Result<FcgiStream> {
///     let stream = address.connect().await?;
///     if let FcgiStream::Tcp(stream) = &stream {
///         stream.set_nodelay(true)?;
///     }
///     Ok(stream)
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum FcgiStream {
    /// A TCP connection.
    Tcp(TcpStream),
    /// A connection over a unix socket. Only on Unix.
    #[cfg(unix)]
    Unix(UnixStream),
}

impl AsyncRead for FcgiStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(io) => Pin::new(io).poll_read(cx, buf),
            #[cfg(unix)]
            Self::Unix(io) => Pin::new(io).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for FcgiStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(io) => Pin::new(io).poll_write(cx, buf),
            #[cfg(unix)]
            Self::Unix(io) => Pin::new(io).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            #[cfg(unix)]
            Self::Unix(io) => Pin::new(io).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(io) => io.is_write_vectored(),
            #[cfg(unix)]
            Self::Unix(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(io) => Pin::new(io).poll_flush(cx),
            #[cfg(unix)]
            Self::Unix(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(io) => Pin::new(io).poll_shutdown(cx),
            #[cfg(unix)]
            Self::Unix(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn writes_are_vectored_and_shutdown_closes_write_half() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut ours = FcgiStream::Unix(ours);
        assert!(ours.is_write_vectored());
        let written = ours.write_vectored(&[IoSlice::new(b"one"), IoSlice::new(b"two")]).await.unwrap();
        assert_eq!(written, 6);
        ours.shutdown().await.unwrap();
        let mut read = String::new();
        theirs.read_to_string(&mut read).await.unwrap();
        assert_eq!(read, "onetwo");
        theirs.write_all(b"back").await.unwrap();
        drop(theirs);
        read.clear();
        ours.read_to_string(&mut read).await.unwrap();
        assert_eq!(read, "back");
    }
}
