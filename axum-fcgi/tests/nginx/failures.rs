//! Handlers and bodies that fail: the client must not take the response for a complete one.

use std::{convert::Infallible, io, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, Request},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
    routing::get,
};
use futures_util::{Stream, StreamExt, stream};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use libtest_mimic::Failed;
use tokio::sync::{Mutex, mpsc};

use crate::{
    http,
    matrix::Variant,
    runner::{ON_PURPOSE, Outcome},
    site::{Place, Site},
};

/// A panic before the head is a 500 without details, and the same or a new connection serves the next
/// request.
pub(crate) async fn panic_in_the_handler_is_a_500(place: Place) -> Outcome {
    let router = Router::new().route("/", get(|| async { "well" })).route("/panic", get(panics));
    let site = place.serve(router).await?;
    for _ in 0..3 {
        let response = site.get("/panic").await?;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(
            !String::from_utf8_lossy(response.body()).contains("teapot"),
            "the response must not have details"
        );
        assert_eq!(site.get("/").await?.body(), "well");
    }
    Ok(())
}

/// The details go to STDERR, which nginx writes to its error log.
pub(crate) async fn panic_in_the_handler_is_in_nginx_error_log(place: Place) -> Outcome {
    let site = place.serve(Router::new().route("/panic", get(panics))).await?;
    site.get("/panic").await?;
    let log = site.error_log()?;
    let line = log.lines().find(|line| line.contains("FastCGI sent in stderr"));
    let line = line.ok_or("no line from STDERR")?;
    assert!(line.contains("teapot has a crack"), "{line}");
    Ok(())
}

/// The text fills nginx's buffer for a response's head, with and without the head, and more than fills it.
pub(crate) async fn panic_with_a_long_text_is_a_500(place: Place) -> Outcome {
    let panics = |Path(length): Path<usize>| async move {
        if length > 0 {
            panic!("{ON_PURPOSE} {}", "x".repeat(length));
        }
    };
    let site = place.serve(Router::new().route("/{length}", get(panics))).await?;
    for length in (3800..4200).step_by(7).chain(3900..3960).chain([8000, 16_000, 100_000]) {
        let response = site.get(&format!("/{length}")).await?;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR, "{length}");
    }
    Ok(())
}

async fn panics() {
    panic!("{ON_PURPOSE} the teapot has a crack");
}

/// CGI cannot change protocols, as for a WebSocket: the attempt fails at once, and the client does not wait.
pub(crate) async fn switching_protocols_is_a_500(place: Place) -> Outcome {
    let switch = || async { (StatusCode::SWITCHING_PROTOCOLS, [(header::UPGRADE, "websocket")]) };
    let site = place.serve(Router::new().route("/", get(switch))).await?;
    let request =
        Request::get("/").header(header::UPGRADE, "websocket").header(header::CONNECTION, "upgrade");
    let response = site.send(request.body(Body::empty())?).await?;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(site.error_log()?.contains("FastCGI sent in stderr"), "the reason is missing in the log");
    Ok(())
}

/// How a response fails after its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    Panic,
    Error,
    /// It ends before its declared length.
    Short,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Declared,
    Unknown,
}

pub(crate) async fn panic_in_the_body_looks_incomplete(place: Place) -> Outcome {
    looks_incomplete(place, Failure::Panic).await
}

pub(crate) async fn error_in_the_body_looks_incomplete(place: Place) -> Outcome {
    looks_incomplete(place, Failure::Error).await
}

pub(crate) async fn short_body_looks_incomplete(place: Place) -> Outcome {
    looks_incomplete(place, Failure::Short).await
}

/// The body fails without waiting: after nothing, after a few bytes, and after more than nginx can buffer.
async fn looks_incomplete(place: Place, failure: Failure) -> Outcome {
    let lengths = lengths_to_expect(place.variant, failure);
    let handler = move |Path((length, before)): Path<(String, usize)>| async move {
        let length = if length == "declared" { Length::Declared } else { Length::Unknown };
        let body = stream::iter([Ok(Bytes::from(vec![b'x'; before]))]).chain(failing(failure));
        (declaring(length, before + 1), Body::from_stream(body))
    };
    let router = Router::new().route("/{length}/{before}", get(handler)).route("/", get(|| async { "well" }));
    let site = place.serve(router).await?;
    for length in lengths {
        for before in [0, 7, 300_000] {
            let uri =
                format!("/{}/{before}", if length == Length::Declared { "declared" } else { "unknown" });
            match ask(&site, &uri).await {
                // Cut off before the head.
                Err(_) => {}
                // An error response needs no check, whether it is nginx's or the application's.
                Ok(response) if response.status().is_server_error() => {}
                Ok(_) if before < 300_000 => return Err(format!("{uri}: nothing was sent").into()),
                Ok(response) => expect_incomplete(&uri, response).await?,
            }
        }
    }
    assert_eq!(site.get("/").await?.body(), "well");
    Ok(())
}

/// The body fails after the client has its first part, so that a 500 is no longer possible.
pub(crate) async fn failure_after_the_first_part_looks_incomplete(place: Place) -> Outcome {
    let variant = place.variant;
    let (arrived, arrivals) = mpsc::channel(1);
    let arrivals = Arc::new(Mutex::new(arrivals));
    let handler = move |Path((failure, length)): Path<(usize, usize)>| async move {
        let wait = async move {
            arrivals.lock().await.recv().await;
            Ok(Bytes::new())
        };
        let first = stream::iter([Ok(Bytes::from("first"))]);
        let body = first.chain(stream::once(wait)).chain(failing(FAILURES[failure]));
        (declaring(LENGTHS[length], "first".len() + 1), Body::from_stream(body))
    };
    let site = place.serve(Router::new().route("/{failure}/{length}", get(handler))).await?;
    for (f, failure) in FAILURES.into_iter().enumerate() {
        for length in lengths_to_expect(variant, failure) {
            let mut response = ask(&site, &format!("/{f}/{}", length as usize)).await?;
            let first = response.body_mut().frame().await.ok_or("the response has no body")??;
            assert_eq!(first.into_data().expect("data"), "first");
            arrived.send(()).await?;
            expect_incomplete(&format!("{failure:?}, {length:?}"), response).await?;
        }
    }
    Ok(())
}

/// More than was declared. The client gets what was declared, and the log says so.
pub(crate) async fn long_body_is_truncated(place: Place) -> Outcome {
    let handler = |Path(chunks): Path<String>| async move {
        let chunks: Vec<_> = chunks.split('-').map(|chunk| Ok::<_, Infallible>(chunk.to_owned())).collect();
        (declaring(Length::Declared, 4), Body::from_stream(stream::iter(chunks)))
    };
    let router = Router::new().route("/{chunks}", get(handler));
    let site = place.serve(router).await?;
    let uris = ["/abcdefgh", "/ab-cdefgh", "/abcd-efgh"];
    for uri in uris {
        let response = site.get(uri).await?;
        assert_eq!((response.status(), &response.body()[..]), (StatusCode::OK, &b"abcd"[..]), "{uri}");
    }
    let log = site.error_log()?;
    assert_eq!(log.matches("longer than its Content-Length").count(), uris.len(), "{log}");
    Ok(())
}

const FAILURES: [Failure; 3] = [Failure::Panic, Failure::Error, Failure::Short];
const LENGTHS: [Length; 2] = [Length::Declared, Length::Unknown];

/// The lengths with which nginx can detect an incomplete response.
fn lengths_to_expect(variant: Variant, failure: Failure) -> Vec<Length> {
    let seen = |length: &Length| match length {
        Length::Declared => true,
        // Without a declared length, a body cannot be too short.
        Length::Unknown => variant.notices_a_close() && failure != Failure::Short,
    };
    LENGTHS.into_iter().filter(seen).collect()
}

fn declaring(length: Length, bytes: usize) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if length == Length::Declared {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    }
    headers
}

/// The end of a failing body.
fn failing(failure: Failure) -> impl Stream<Item = io::Result<Bytes>> {
    stream::iter([failure]).filter_map(|failure| async move {
        match failure {
            Failure::Panic => panic!("{ON_PURPOSE} the body's source has run dry"),
            Failure::Error => Some(Err(io::Error::other("the body's source has run dry"))),
            Failure::Short => None,
        }
    })
}

/// Asks nginx to close the connection afterwards: if nginx takes a part for the complete response, the close
/// shows the client that bytes are missing; otherwise it would wait for them.
async fn ask(site: &Site, uri: &str) -> Result<Response<Incoming>, Failed> {
    site.open(Request::get(uri).header(header::CONNECTION, "close").body(Body::empty())?).await
}

async fn expect_incomplete(what: &str, response: Response<Incoming>) -> Outcome {
    match http::collect(response).await {
        Err(_) => Ok(()),
        Ok(response) => {
            Err(format!("{what}: {} bytes look like a complete response", response.body().len()).into())
        }
    }
}
