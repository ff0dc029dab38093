//! Sends requests to a Router as an HTTP server does.

use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::response::Response;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

/// A response with its complete body.
#[derive(Debug)]
pub(crate) struct FullResponse {
    pub(crate) status: u16,
    pub(crate) head: Response<()>,
    pub(crate) body: Bytes,
}

impl FullResponse {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    /// The value in a line `NAME=value`.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.headers().get(name).map(|value| value.to_str().unwrap())
    }
}

/// A Router's response, with its body unread.
pub(crate) async fn send(router: &Router, mut request: Request<Body>) -> Response {
    let client: SocketAddr = "[::ffff:192.0.2.7]:4711".parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(client));
    router.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
}

/// A complete response.
pub(crate) async fn ask(router: &Router, request: Request<Body>) -> FullResponse {
    let (parts, body) = send(router, request).await.into_parts();
    let body = body.collect().await.expect("a complete response").to_bytes();
    FullResponse { status: parts.status.as_u16(), head: Response::from_parts(parts, ()), body }
}

pub(crate) async fn get(router: &Router, path: &str) -> FullResponse {
    let request = Request::get(path).header("host", "shop.example.org:8080").body(Body::empty());
    ask(router, request.unwrap()).await
}

/// A body of this length, in chunks.
pub(crate) fn streamed(bytes: usize) -> Body {
    const CHUNK: Bytes = Bytes::from_static(&[b'x'; 64 * 1024]);
    let lengths = (0..bytes.div_ceil(CHUNK.len())).map(move |at| CHUNK.len().min(bytes - at * CHUNK.len()));
    let chunks = lengths.map(|length| Ok::<_, std::io::Error>(CHUNK.slice(..length)));
    Body::from_stream(futures_util::stream::iter(chunks))
}
