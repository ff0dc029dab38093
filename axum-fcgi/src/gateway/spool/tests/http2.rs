//! Responses over HTTP/2, whose end can come with the head.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::BoxError;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::super::buffer_response;
use super::{Spool, no_request};

/// The body of a 304 whose script goes on for ever: it has no bytes, but its end was not received.
struct NoContent;

impl http_body::Body for NoContent {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        true
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[tokio::test]
async fn a_response_without_content_ends_with_its_head() {
    let spool = Spool::new(|buffering| buffering);
    let buffering = spool.buffering.clone();
    let (client, server) = tokio::io::duplex(1 << 16);
    let service = hyper::service::service_fn(move |_| {
        let body = buffer_response(Body::new(NoContent), &HeaderMap::new(), &buffering, None, no_request());
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        std::future::ready(Ok::<_, std::convert::Infallible>(response))
    });
    let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let serving = tokio::spawn(builder.serve_connection(TokioIo::new(server), service));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, Body>(TokioExecutor::new(), TokioIo::new(client))
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = Request::get("http://site/").body(Body::empty()).unwrap();
    let mut body = sender.send_request(request).await.unwrap().into_body();
    // In the frame of the head, so it needs no wait.
    assert!(body.is_end_stream());
    assert!(body.frame().await.is_none());
    spool.assert_released().await;
    serving.abort();
}
