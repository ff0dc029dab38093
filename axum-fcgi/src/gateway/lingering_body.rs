//! Reads on after a request was refused.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::Version;
use axum::http::header::EXPECT;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

/// How long the rest of a body is read, as nginx's `lingering_time`.
const LINGERING_TIME: Duration = Duration::from_secs(30);

/// How long its client may send nothing, as nginx's `lingering_timeout`.
const LINGERING_TIMEOUT: Duration = Duration::from_secs(5);

/// A body whose rest is read when it is dropped.
///
/// hyper closes a connection with unread input. The kernel then resets it, and a client that still sends may lose the response
/// that says why.
pub(super) struct LingeringBody(Option<Body>);

impl LingeringBody {
    /// Wraps the body of a request whose response may come before the body was read.
    ///
    /// HTTP/2 can end a stream without its connection, and FastCGI has its own limit for what is discarded. A client that
    /// expects a 100 has not sent the body, and reading it would ask for it.
    pub(super) fn wrap(request: &mut Request) {
        let has_connection = matches!(request.version(), Version::HTTP_10 | Version::HTTP_11)
            && request.extensions().get::<tower_fcgi::Params>().is_none();
        if has_connection
            && !http_body::Body::is_end_stream(request.body())
            && !request.headers().contains_key(EXPECT)
        {
            let body = request.body_mut();
            *body = Body::new(Self(Some(std::mem::take(body))));
        }
    }
}

impl http_body::Body for LingeringBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = &mut self.0 else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.0 = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), http_body::Body::size_hint)
    }
}

impl Drop for LingeringBody {
    fn drop(&mut self) {
        if let Some(body) = self.0.take().filter(|body| !http_body::Body::is_end_stream(body))
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(read_rest(body));
        }
    }
}

async fn read_rest(mut body: Body) {
    let end = Instant::now() + LINGERING_TIME;
    loop {
        let now = Instant::now();
        let frame = timeout_at(end.min(now + LINGERING_TIMEOUT), body.frame()).await;
        if now >= end || !matches!(frame, Ok(Some(Ok(_)))) || http_body::Body::is_end_stream(&body) {
            return;
        }
    }
}
