//! The byte stream of an upgraded request.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use http_body::Body as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::channel::UpgradeChannel;
use crate::body::{BodyError, BodyErrorKind, RequestBody};

/// The byte stream of an upgraded request: reads from STDIN, writes to STDOUT.
///
/// At most 64 KiB of written bytes, and the usual limits of received ones, are buffered; then writes wait, or the web server
/// has to.
///
/// # End of the stream
/// - The client's direction ends with the terminal STDIN record (FastCGI §5.3); then reads return 0 bytes, and writes go on.
/// - `shutdown`, or a drop, sends what was written and then END_REQUEST: CGI's response ends for both directions. Reads
///   return the bytes that were received before, then 0.
/// - If the request is aborted or the connection lost, reads return [`io::ErrorKind::ConnectionReset`] with the
///   [`BodyError`](crate::BodyError), and writes [`io::ErrorKind::BrokenPipe`].
/// - A [graceful shutdown](crate::ConnectionHandle::graceful_shutdown) ends the client's direction at once; the connection
///   waits for the drop of this stream.
///
/// # Timeouts
/// Those of requests and bodies do not apply. [`upgrade_idle_timeout`](crate::Config::with_upgrade_idle_timeout) and
/// [`write_timeout`](crate::Config::with_write_timeout) do.
///
/// # Cancel safety
/// As the methods of tokio's `AsyncReadExt` and `AsyncWriteExt`.
///
/// # Examples
/// Everything back until the client ends its direction. [`OnUpgrade`](crate::OnUpgrade) has the handler.
///
/// ```
/// use tower_fcgi::{OnUpgrade, UpgradeError, Upgraded};
///
/// async fn echo(stream: Upgraded) -> std::io::Result<u64> {
///     let (mut from_client, mut to_client) = tokio::io::split(stream);
///     tokio::io::copy(&mut from_client, &mut to_client).await
/// }
///
/// async fn upgraded(upgrade: OnUpgrade) -> Result<(), UpgradeError> {
///     let stream = upgrade.await?;
///     if let Err(error) = echo(stream).await {
///         eprintln!("{error}");
///     }
///     Ok(())
/// }
/// ```
pub struct Upgraded {
    stdin: RequestBody,
    /// Received bytes that were not read yet.
    received: Bytes,
    channel: Arc<UpgradeChannel>,
}

impl Upgraded {
    pub(super) const fn new(stdin: RequestBody, channel: Arc<UpgradeChannel>) -> Self {
        Self { stdin, received: Bytes::new(), channel }
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.received.is_empty() {
            match ready!(Pin::new(&mut self.stdin).poll_frame(cx)) {
                Some(Ok(frame)) => self.received = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return Poll::Ready(end_of_stream(error)),
                None => return Poll::Ready(Ok(())),
            }
        }
        let len = self.received.len().min(buf.remaining());
        buf.put_slice(self.received.get(..len).unwrap_or_default());
        self.received.advance(len);
        Poll::Ready(Ok(()))
    }
}

/// The application's own end of the request is a clean end.
fn end_of_stream(error: BodyError) -> io::Result<()> {
    match error.kind() {
        BodyErrorKind::RequestEnded => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::ConnectionReset, error)),
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.channel.poll_write(cx, buf)
    }

    /// Ready at once: the connection writes buffered bytes as soon as possible.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.channel.finish();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Upgraded {
    fn drop(&mut self) {
        self.channel.finish();
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded").finish_non_exhaustive()
    }
}
