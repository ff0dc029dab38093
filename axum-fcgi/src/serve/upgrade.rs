//! Makes hyper's `OnUpgrade`, which axum's `WebSocketUpgrade` takes from a request, of one of tower-fcgi.
//!
//! hyper has no public constructor for it. So each upgradable request gets an HTTP/1 connection of hyper in memory: it reads
//! a constant request, and writes the head of a 101, which is dropped, once the head of our 101 was written. Then hyper hands
//! over the transport, which is the stream of the FastCGI request itself. No byte of it is copied on the way.

use std::io;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};

use axum::body::Body;
use axum::http::{Extensions, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower_fcgi::{OnUpgrade, UpgradeError, Upgraded};

/// The request that hyper reads. The protocol's name does not matter: axum checks that of the client's request.
const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: fastcgi\r\n\r\n";
/// The end of the head that hyper writes.
const HEAD_END: [u8; 4] = *b"\r\n\r\n";

/// The extension with hyper's `OnUpgrade`. Empty if hyper does not offer one.
#[cold]
pub(super) fn extension(upgrade: OnUpgrade) -> Extensions {
    let mut extensions = Extensions::new();
    if let Some(upgrade) = to_hyper(upgrade) {
        extensions.insert(upgrade);
    }
    extensions
}

fn to_hyper(upgrade: OnUpgrade) -> Option<hyper::upgrade::OnUpgrade> {
    let (offer, offered) = mpsc::sync_channel(1);
    let (opener, stream) = mpsc::sync_channel(1);
    let service = service_fn(move |request: Request<Incoming>| {
        // The receiver is gone if hyper calls this later than in the first poll; then nothing was offered.
        let _ = offer.try_send(hyper::upgrade::on(request));
        accept(upgrade.clone(), opener.clone())
    });
    let io = TokioIo::new(UpgradeIo::Handshake { unread: REQUEST, matched: 0, stream });
    let mut connection = http1::Builder::new().serve_connection(io, service).with_upgrades();
    // In the first poll hyper reads the request and calls the service. It ends only after the upgrade.
    if Pin::new(&mut connection).poll(&mut Context::from_waker(Waker::noop())).is_ready() {
        return None;
    }
    let upgrade = offered.try_recv().ok()?;
    // Ends with the upgrade. The handler gets its error, too.
    tokio::spawn(connection);
    Some(upgrade)
}

/// The response to hyper's request: a 101, once that of the client's request was written.
async fn accept(
    upgrade: OnUpgrade,
    opener: mpsc::SyncSender<Upgraded>,
) -> Result<Response<Body>, UpgradeError> {
    let stream = upgrade.await?;
    // Fails if hyper has dropped the transport; then the stream ends.
    let _ = opener.try_send(stream);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    Ok(response)
}

/// The transport of hyper's connection: a constant request, then the upgraded stream.
#[derive(Debug)]
enum UpgradeIo {
    /// hyper reads the rest of the request, and writes the head of its response, which is dropped.
    Handshake {
        unread: &'static [u8],
        /// Bytes of [`HEAD_END`] that were written last.
        matched: usize,
        /// Receives the stream before hyper writes.
        stream: mpsc::Receiver<Upgraded>,
    },
    Open(Upgraded),
}

impl UpgradeIo {
    /// Drops bytes of hyper's head, and opens the stream at its end. Returns how many bytes were dropped.
    fn write_head(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Self::Handshake { matched, stream, .. } = self else { return Ok(0) };
        for (dropped, byte) in (1..).zip(bytes) {
            *matched = if HEAD_END.get(*matched) == Some(byte) {
                *matched + 1
            } else {
                usize::from(*byte == HEAD_END[0])
            };
            if *matched == HEAD_END.len() {
                let stream = stream.try_recv().map_err(|_| io::ErrorKind::NotConnected)?;
                *self = Self::Open(stream);
                return Ok(dropped);
            }
        }
        Ok(bytes.len())
    }
}

impl AsyncRead for UpgradeIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            // hyper polls again after its response.
            Self::Handshake { unread: [], .. } => Poll::Pending,
            Self::Handshake { unread, .. } => {
                let (now, later) = unread.split_at(unread.len().min(buf.remaining()));
                buf.put_slice(now);
                *unread = later;
                Poll::Ready(Ok(()))
            }
            Self::Open(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for UpgradeIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Handshake { .. } => Poll::Ready(self.write_head(buf)),
            Self::Open(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Handshake { .. } => Poll::Ready(Ok(())),
            Self::Open(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Handshake { .. } => Poll::Ready(Ok(())),
            Self::Open(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
