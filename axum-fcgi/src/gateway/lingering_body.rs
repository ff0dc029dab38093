//! Reads on after a request was refused.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{CONNECTION, EXPECT};
use axum::http::{HeaderValue, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

/// How long the rest of a body is read, as nginx's `lingering_time`.
const LINGERING_TIME: Duration = Duration::from_secs(30);

/// How long its client may send nothing, as nginx's `lingering_timeout`.
const LINGERING_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether a body was polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyPolled {
    No,
    /// hyper has sent the 100 that a client may wait for.
    Yes,
}

/// The response to a request that the application does not get. The rest of the request's body is read when the response's body is
/// dropped. hyper has written the head then, so that it does not ask a client for the body that waits for a 100. If a layer drops the
/// response's body earlier, it may ask.
pub(super) fn refused(request: Request, response: impl IntoResponse, polled: BodyPolled) -> Response {
    let mut response = response.into_response();
    // A client that was too slow had its time.
    if response.status() == StatusCode::REQUEST_TIMEOUT || !can_linger(&request) {
        return response;
    }
    if polled == BodyPolled::No && expects_100(&request) {
        // It may send the body or the next request (RFC 9110 §10.1.1), which would be taken for the body.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let unread = LingeringBody { body: Some(request.into_body()), client: Client::Sends };
    response.map(|body| Body::new(RefusalBody { body, _unread: unread }))
}

/// A body whose rest is read when it is dropped.
///
/// hyper closes a connection with unread input. The kernel then resets it, and a client that still sends may lose the response
/// that says why.
pub(super) struct LingeringBody {
    /// `None` after the end.
    body: Option<Body>,
    client: Client,
}

/// What the client does when the body is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    Sends,
    /// It waits for a 100, which hyper sends when the body is polled.
    Waits,
}

impl LingeringBody {
    /// Wraps the body of a request whose response may come before the body was read.
    pub(super) fn wrap(request: &mut Request) {
        if can_linger(request) {
            let client = if expects_100(request) { Client::Waits } else { Client::Sends };
            let body = request.body_mut();
            *body = Body::new(Self { body: Some(std::mem::take(body)), client });
        }
    }
}

/// HTTP/2 can end a stream without its connection, and FastCGI has its own limit for what is discarded.
fn can_linger(request: &Request) -> bool {
    matches!(request.version(), Version::HTTP_10 | Version::HTTP_11)
        && request.extensions().get::<tower_fcgi::Params>().is_none()
        && !http_body::Body::is_end_stream(request.body())
}

/// Whether hyper sends a 100 when the body is polled. HTTP/1.0 has no such response.
fn expects_100(request: &Request) -> bool {
    let expects = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"100-continue");
    request.version() == Version::HTTP_11 && request.headers().get_all(EXPECT).iter().any(expects)
}

/// The body of a refusal.
struct RefusalBody {
    body: Body,
    _unread: LingeringBody,
}

impl http_body::Body for RefusalBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl http_body::Body for LingeringBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.client = Client::Sends;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), http_body::Body::size_hint)
    }
}

impl Drop for LingeringBody {
    fn drop(&mut self) {
        let is_unread = |body: &Body| !http_body::Body::is_end_stream(body);
        if self.client == Client::Sends
            && let Some(body) = self.body.take().filter(is_unread)
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
