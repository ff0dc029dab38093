//! The future that a handler waits for.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::channel::UpgradeChannel;
use super::upgraded::Upgraded;
use crate::body::RequestBody;
use crate::sync::{Mutex, PoisonError};

/// A future of the byte stream that replaces HTTP after a `101 Switching Protocols` (RFC 9110 §7.8).
///
/// It is in the extensions of a request that asks for an upgrade, if the web server carries it: lighttpd (1.4.74 and later)
/// with `"upgrade" => "enable"` does, over FastCGI and CGI. Other web servers end STDIN at once; then the request has no
/// `OnUpgrade`.
///
/// Respond with a 101 and the headers that the protocol requires, and await this in a task of its own: it resolves once the
/// head of the 101 was written. The body of such a request is empty.
///
/// Clones share the stream: the first one that is polled after the 101 gets it.
///
/// # Errors
/// The response is not a 101, or the request has ended before it: aborted, disconnected, or with the end of STDIN. Then the
/// client gets a `426 Upgrade Required` instead of the 101.
///
/// # Cancel safety
/// A dropped future, if it was the last clone, declines the upgrade. After a 101 the stream then ends at once.
///
/// # Examples
/// ```
/// use http::{Request, Response, StatusCode};
/// use tokio::io::AsyncWriteExt as _;
/// use tower_fcgi::{OnUpgrade, RequestBody};
///
/// async fn greet(mut request: Request<RequestBody>) -> Response<String> {
///     let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() else {
///         let response = Response::builder().status(StatusCode::UPGRADE_REQUIRED).body(String::new());
///         return response.expect("a valid response");
///     };
///     tokio::spawn(async move {
///         let mut stream = upgrade.await?;
///         stream.write_all(b"Hello!").await?;
///         stream.shutdown().await?;
///         Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
///     });
///     let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
///     let response = response.header("connection", "upgrade").header("upgrade", "greeting");
///     response.body(String::new()).expect("a valid response")
/// }
/// ```
#[derive(Clone)]
pub struct OnUpgrade {
    offer: Arc<Offer>,
}

/// What the clones share.
struct Offer {
    channel: Arc<UpgradeChannel>,
    /// STDIN, until the upgrade is accepted.
    stdin: Mutex<Option<RequestBody>>,
}

impl OnUpgrade {
    pub(super) fn new(stdin: RequestBody, channel: Arc<UpgradeChannel>) -> Self {
        Self { offer: Arc::new(Offer { channel, stdin: Mutex::new(Some(stdin)) }) }
    }
}

impl Offer {
    fn take_stdin(&self) -> Option<RequestBody> {
        self.stdin.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        // If an `Upgraded` has taken STDIN, it also ends the other direction.
        if self.take_stdin().is_some() {
            self.channel.finish();
        }
    }
}

impl Future for OnUpgrade {
    type Output = Result<Upgraded, UpgradeError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let offer = &self.offer;
        ready!(offer.channel.poll_accepted(cx))?;
        let stdin = offer.take_stdin().ok_or(UpgradeError::new(UpgradeErrorKind::Taken))?;
        Poll::Ready(Ok(Upgraded::new(stdin, Arc::clone(&offer.channel))))
    }
}

impl fmt::Debug for OnUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnUpgrade").finish_non_exhaustive()
    }
}

/// Why a request was not upgraded.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", kind.message())]
pub struct UpgradeError {
    kind: UpgradeErrorKind,
}

/// The cause of an [`UpgradeError`].
///
/// ```
/// use tower_fcgi::{OnUpgrade, UpgradeErrorKind};
/// async fn run(upgrade: OnUpgrade) {
///     match upgrade.await {
///         Ok(_stream) => { /* … */ }
///         Err(error) if error.kind() == UpgradeErrorKind::Refused => { /* the client got another response */ }
///         Err(error) => eprintln!("{error}"),
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UpgradeErrorKind {
    /// The response was not a 101, or the web server had ended STDIN before it: it does not carry the upgrade. The client
    /// got another response.
    Refused,
    /// The request ended before its upgrade, or before the stream was taken.
    Closed,
    /// Another clone of the [`OnUpgrade`] has taken the stream. Poll only one of them.
    Taken,
}

impl UpgradeErrorKind {
    const fn message(self) -> &'static str {
        match self {
            Self::Refused => {
                "the request was not upgraded: the response is no 101, or the web server has ended STDIN"
            }
            Self::Closed => "the request has ended",
            Self::Taken => "another clone of OnUpgrade has taken the stream",
        }
    }
}

impl UpgradeError {
    pub(super) const fn new(kind: UpgradeErrorKind) -> Self {
        Self { kind }
    }

    /// The cause.
    #[must_use]
    pub const fn kind(&self) -> UpgradeErrorKind {
        self.kind
    }
}
