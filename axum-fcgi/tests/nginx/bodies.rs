//! Request bodies, read and unread; large responses.

use std::convert::Infallible;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Request},
    http::{self, HeaderMap, HeaderValue, StatusCode, header},
    routing::{any, get, post},
};
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::sync::mpsc;

use crate::{
    data::{self, Digest},
    runner::Outcome,
    site::Place,
};

const TEN_MB: usize = 10_000_000;

/// A handler that responds with the length and checksum of the body that it received.
async fn receive(request: Request) -> Result<String, (StatusCode, String)> {
    let digest = data::digest(request.into_body()).await;
    digest.map(digest_text).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))
}

fn digest_text(digest: Digest) -> String {
    format!("{} bytes, {:08x}", digest.length, digest.crc32)
}

/// The request of the original bug, in every variant: the response does not wait for a body that the handler
/// does not read.
pub(crate) async fn post_of_4_bytes_is_answered_early(place: Place) -> Outcome {
    let site = place.serve(Router::new().fallback(|| async { (StatusCode::NOT_FOUND, "no") })).await?;
    for _ in 0..5 {
        let response = site.post("/foo", "abcd").await?;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.body(), "no");
    }
    Ok(())
}

pub(crate) async fn small_bodies_are_echoed(place: Place) -> Outcome {
    let echo = |body: Bytes| async { body };
    let site = place.serve(Router::new().route("/", any(echo))).await?;
    for body in ["", "a", "abcd", &"x".repeat(8191), &"y".repeat(8193), &"z".repeat(65536)] {
        assert_eq!(site.post("/", body.to_owned()).await?.body(), body);
    }
    Ok(())
}

pub(crate) async fn post_of_10_mb_is_read(place: Place) -> Outcome {
    let site = place.serve(Router::new().route("/", post(receive))).await?;
    let request = Request::post("/").header(header::CONTENT_LENGTH, TEN_MB).body(data::body(TEN_MB))?;
    let response = site.send(request).await?;
    assert_eq!(response.body(), &digest_text(data::expected(TEN_MB).await));
    Ok(())
}

/// The complete response arrives, though the application does not read what nginx is still sending or has yet
/// to send.
pub(crate) async fn post_of_10_mb_is_not_read(place: Place) -> Outcome {
    const RESPONSE: usize = 200_000;
    let refuse = || async { (StatusCode::NOT_FOUND, data::body(RESPONSE)) };
    let site = place.serve(Router::new().fallback(refuse)).await?;
    let expected = data::expected(RESPONSE).await;
    for _ in 0..3 {
        let request =
            Request::post("/foo").header(header::CONTENT_LENGTH, TEN_MB).body(data::body(TEN_MB))?;
        let response = site.open(request).await?;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(data::digest(response.into_body()).await?, expected);
    }
    Ok(())
}

/// The handler reads a part of the body.
pub(crate) async fn post_of_10_mb_is_read_in_part(place: Place) -> Outcome {
    let refuse = |request: Request| async {
        let first = request.into_body().frame().await;
        let read = first.is_some_and(|frame| frame.is_ok());
        (StatusCode::PAYLOAD_TOO_LARGE, format!("read some: {read}"))
    };
    let site = place.serve(Router::new().route("/", post(refuse))).await?;
    for _ in 0..3 {
        let request = Request::post("/").header(header::CONTENT_LENGTH, TEN_MB).body(data::body(TEN_MB))?;
        let response = site.send(request).await?;
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(response.body(), "read some: true");
    }
    Ok(())
}

/// A chunked upload: nginx buffers it to learn the length, or sends an empty CONTENT_LENGTH.
pub(crate) async fn upload_without_content_length(place: Place) -> Outcome {
    let site = place.serve(Router::new().route("/", post(receive))).await?;
    for length in [0, 7, 1_000_000] {
        let request = Request::post("/").body(data::body(length))?;
        assert_eq!(site.send(request).await?.body(), &digest_text(data::expected(length).await));
    }
    Ok(())
}

/// The slowest upload: the client sends a chunk only when the previous one has reached the handler.
pub(crate) async fn chunked_upload_arrives_as_it_is_sent(place: Place) -> Outcome {
    trickle(place, Request::post("/").body(())?).await
}

/// The same with a Content-Length.
pub(crate) async fn upload_with_content_length_arrives_as_it_is_sent(place: Place) -> Outcome {
    trickle(place, Request::post("/").header(header::CONTENT_LENGTH, CHUNKS.concat().len()).body(())?).await
}

const CHUNKS: [&str; 4] = ["a", "bcd", "efghij", "k"];

async fn trickle(place: Place, head: http::Request<()>) -> Outcome {
    let (arrived, arrivals) = mpsc::unbounded_channel();
    let handler = move |request: Request| async move {
        let mut body = request.into_body();
        let mut received = String::new();
        while let Some(frame) = body.frame().await {
            let data = frame.expect("the upload is complete").into_data().expect("nginx sends no trailers");
            received.push_str(std::str::from_utf8(&data).expect("the body is ASCII"));
            // After the last chunk the client stops listening.
            _ = arrived.send(received.clone());
        }
        received
    };
    let site = place.serve(Router::new().route("/", post(handler))).await?;

    let chunks = stream::unfold((0, arrivals), |(sent, mut arrivals)| async move {
        let before = CHUNKS[..sent].concat();
        // A record may hold only a part of a chunk.
        while sent > 0 && arrivals.recv().await? != before {}
        let chunk = *CHUNKS.get(sent)?;
        Some((Ok::<_, Infallible>(chunk), (sent + 1, arrivals)))
    });
    let response = site.send(head.map(|()| Body::from_stream(chunks))).await?;
    assert_eq!(response.body(), &CHUNKS.concat());
    Ok(())
}

/// A response that starts before the request's body has ended, and depends on it.
pub(crate) async fn response_starts_before_the_upload_ends(place: Place) -> Outcome {
    let echo = |request: Request| async {
        // Otherwise nginx would buffer the response, in the variants that do.
        ([("x-accel-buffering", "no")], request.into_body())
    };
    let site = place.serve(Router::new().route("/", post(echo))).await?;
    let (chunks, received) = mpsc::unbounded_channel::<&str>();
    let upload = stream::unfold(received, |mut received| async {
        Some((Ok::<_, Infallible>(received.recv().await?), received))
    });
    chunks.send("ping")?;
    let response = site.open(Request::post("/").body(Body::from_stream(upload))?).await?;
    let mut body = response.into_body();
    let first = body.frame().await.expect("the response has a body")?;
    assert_eq!(first.into_data().expect("data"), "ping");
    chunks.send("pong")?;
    drop(chunks);
    assert_eq!(body.collect().await?.to_bytes(), "pong");
    Ok(())
}

/// nginx itself handles `Expect: 100-continue`; the application must not send a 1xx of its own.
pub(crate) async fn expect_100_continue_is_handled_by_nginx(place: Place) -> Outcome {
    let echo = |body: Bytes| async { body };
    let site = place.serve(Router::new().route("/", post(echo))).await?;
    let request = Request::post("/").header(header::EXPECT, "100-continue").body(Body::from("abcd"))?;
    let response = site.send(request).await?;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.body(), "abcd");
    Ok(())
}

/// CGI has no trailers; a response with trailers is complete without them, and a line in the log says so.
pub(crate) async fn response_trailers_are_dropped(place: Place) -> Outcome {
    let handler = || async {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-trailer", HeaderValue::from_static("late"));
        let frames = [Frame::data(Bytes::from("body")), Frame::trailers(trailers)].map(Ok::<_, Infallible>);
        Body::new(StreamBody::new(stream::iter(frames)))
    };
    let site = place.serve(Router::new().route("/", get(handler))).await?;
    for _ in 0..2 {
        let response = site.get("/").await?;
        assert_eq!(response.headers().get("x-trailer"), None);
        assert_eq!(response.body(), "body");
    }
    let log = site.error_log()?;
    assert_eq!(log.matches("trailers were dropped").count(), 2, "{log}");
    Ok(())
}

/// nginx stops sending the request's body once the response has begun, over HTTP too. A handler that needs the
/// body must read it first.
pub(crate) async fn early_head_stops_the_upload(place: Place) -> Outcome {
    const LENGTH: usize = 20_000_000;
    let at_once = |request: Request| async { ([("x-accel-buffering", "no")], request.into_body()) };
    let read_first = |body: Bytes| async { body };
    let router = Router::new()
        .route("/at-once", post(at_once))
        .route("/read-first", post(read_first))
        .layer(DefaultBodyLimit::disable());
    // Otherwise nginx would wait a minute for the rest of the response.
    let site = place.with("fastcgi_read_timeout 2s;").serve(router).await?;

    let body = || Bytes::from(vec![b'x'; LENGTH]);
    let response = site.post("/read-first", body()).await?;
    assert_eq!((response.status(), response.body().len()), (StatusCode::OK, LENGTH));

    let response = site.open(Request::post("/at-once").body(Body::from(body()))?).await?;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.into_body().collect().await.is_err(), "nginx has sent all of the body");
    Ok(())
}

/// A download of 100 MB, with its checksum computed on the way.
pub(crate) async fn download_of_100_mb(place: Place) -> Outcome {
    const LENGTH: usize = 100_000_000;
    let site = place.serve(Router::new().route("/", get(|| async { data::body(LENGTH) }))).await?;
    let response = site.open(Request::get("/").body(Body::empty())?).await?;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(data::digest(response.into_body()).await?, data::expected(LENGTH).await);
    Ok(())
}
