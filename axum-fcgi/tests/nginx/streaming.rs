//! Streamed responses.

use std::convert::Infallible;

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, header},
    response::sse::{Event, Sse},
    routing::get,
};
use futures_util::{Stream, stream};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::mpsc;

use crate::{matrix::Variant, runner::Outcome, signals::Once, site::Place};

const EVENTS: usize = 5;

/// Each event reaches the client before the application makes the next one: the handler waits for the
/// client's confirmation.
pub(crate) async fn sse_events_arrive_one_by_one(place: Place) -> Outcome {
    let headers = asks_nginx_to_stream(place.variant);
    let (confirm, confirmed) = mpsc::channel(1);
    let confirmed = Once::new(confirmed);
    let handler = || async move {
        let events = confirmed_items(confirmed.take(), |n| Event::default().data(n.to_string()));
        (headers, Sse::new(events))
    };
    let site = place.serve(Router::new().route("/", get(handler))).await?;

    let response = site.open(Request::get("/").body(Body::empty())?).await?;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    expect_one_by_one(response.into_body(), confirm, |n| format!("data: {n}\n\n")).await
}

/// The same for a body with a known length that comes a byte at a time, and is not SSE.
///
/// If nginx keeps connections and buffers, it reads on only when 8 bytes, the length of a record's header,
/// follow the head: a first byte in the head's record would wait for the second one.
pub(crate) async fn body_frames_arrive_one_by_one(place: Place) -> Outcome {
    let mut headers = asks_nginx_to_stream(place.variant);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(EVENTS));
    let (confirm, confirmed) = mpsc::channel(1);
    let confirmed = Once::new(confirmed);
    let handler =
        || async move { (headers, Body::from_stream(confirmed_items(confirmed.take(), |n| n.to_string()))) };
    let site = place.serve(Router::new().route("/", get(handler))).await?;

    let response = site.open(Request::get("/").body(Body::empty())?).await?;
    expect_one_by_one(response.into_body(), confirm, |n| n.to_string()).await
}

/// The head is sent on its own: it does not wait for the body.
pub(crate) async fn head_arrives_before_the_body(place: Place) -> Outcome {
    let (confirm, confirmed) = mpsc::channel::<()>(1);
    let confirmed = Once::new(confirmed);
    let handler = || async move {
        let mut confirmed = confirmed.take();
        let body = stream::once(async move {
            confirmed.recv().await;
            Ok::<_, Infallible>("body")
        });
        // While it buffers, even with kept connections, nginx holds a head back until there is some body.
        ([("x-accel-buffering", "no")], Body::from_stream(body))
    };
    let site = place.serve(Router::new().route("/", get(handler))).await?;

    let response = site.open(Request::get("/").body(Body::empty())?).await?;
    confirm.send(()).await?;
    assert_eq!(response.into_body().collect().await?.to_bytes(), "body");
    Ok(())
}

/// Asks nginx not to buffer a response, in the variants in which it would.
fn asks_nginx_to_stream(variant: Variant) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if !variant.streams_responses() {
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    }
    headers
}

/// Items. Each one after the first is made when the previous one was confirmed.
fn confirmed_items<T>(
    confirmed: mpsc::Receiver<()>,
    item: fn(usize) -> T,
) -> impl Stream<Item = Result<T, Infallible>> {
    stream::unfold((0, confirmed), move |(n, mut confirmed)| async move {
        if n > 0 {
            confirmed.recv().await?;
        }
        (n < EVENTS).then(|| (Ok(item(n)), (n + 1, confirmed)))
    })
}

async fn expect_one_by_one(
    mut body: Incoming,
    confirm: mpsc::Sender<()>,
    item: fn(usize) -> String,
) -> Outcome {
    for n in 0..EVENTS {
        let expected = item(n);
        let mut received = Vec::new();
        // HTTP frames need not be the application's.
        while received.len() < expected.len() {
            let frame = body.frame().await.ok_or("the response has ended early")??;
            received.extend(frame.into_data().map_err(|_| "trailers")?);
        }
        assert_eq!(String::from_utf8_lossy(&received), expected);
        // After the last one the handler may be gone: a body with a known length need not be polled again.
        _ = confirm.send(()).await;
    }
    assert!(body.frame().await.is_none(), "nothing comes after the last item");
    Ok(())
}
