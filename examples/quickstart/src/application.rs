//! The application: an ordinary axum Router, without FastCGI code.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio_stream::{Stream, StreamExt as _};
use tokio_util::sync::CancellationToken;

use crate::page::page;
use crate::records::Notice;
use crate::replay;
use crate::viewers::{Viewer, Viewers};

/// Concurrent `/wait` requests.
const MAX_WAITING: usize = 16;

/// State that handlers share.
#[derive(Clone)]
struct Shared {
    viewers: Viewers,
    /// Limits `/wait` requests: each holds a connection that other requests need.
    waiting: Arc<Semaphore>,
    stopping: CancellationToken,
}

/// Creates the Router: the page, the routes of its buttons, and its records. Endless responses end on `stopping`.
pub fn app(viewers: Viewers, stopping: CancellationToken) -> Router {
    Router::new()
        .route("/hello", get(hello))
        .route("/echo", post(async |text: String| text))
        .route("/upload", post(upload))
        .route("/events", get(events))
        .route("/wait", get(wait))
        .route("/panic", get(fails))
        .route("/replay", get(async || Json(replay::seed().await)))
        .route("/records", get(records))
        .with_state(Shared { viewers, waiting: Arc::new(Semaphore::new(MAX_WAITING)), stopping })
        .merge(page())
}

async fn fails() {
    panic!("this handler fails on purpose")
}

#[derive(Deserialize)]
struct Name {
    name: Option<String>,
}

/// Greets the client with its name and address. The address is the browser's, not the web server's.
async fn hello(ConnectInfo(client): ConnectInfo<SocketAddr>, Query(Name { name }): Query<Name>) -> String {
    let name = name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    format!("Hello, {}, at {client}!\n", name.unwrap_or("World"))
}

/// Counts the bytes and chunks of the body without buffering it.
async fn upload(mut body: Body) -> Result<Json<serde_json::Value>, (StatusCode, String)> {
    let (mut bytes, mut chunks) = (0, 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| (StatusCode::BAD_REQUEST, format!("{error}\n")))?;
        bytes += frame.data_ref().map_or(0, |data| data.len());
        chunks += 1;
    }
    Ok(Json(json!({ "bytes": bytes, "chunks": chunks })))
}

/// Sends five events, 400 ms apart.
async fn events() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let numbers = tokio_stream::iter(1..=5).throttle(Duration::from_millis(400));
    Sse::new(numbers.map(|number| Ok(Event::default().data(format!("event {number} of 5")))))
}

/// Does not respond, so that the browser can abort the request.
async fn wait(State(Shared { stopping, waiting, .. }): State<Shared>) -> (StatusCode, &'static str) {
    let Ok(_permit) = waiting.try_acquire() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "Too many requests are waiting.\n");
    };
    stopping.cancelled().await;
    (StatusCode::SERVICE_UNAVAILABLE, "The program is stopping.\n")
}

/// Sends the notices of a page's requests from now on. The first event has the page's id.
async fn records(State(Shared { viewers, stopping, .. }): State<Shared>) -> Response {
    let Some(viewer) = viewers.open() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "Too many pages are open.\n").into_response();
    };
    let id = Event::default().event("viewer").data(viewer.id());
    let notices = notices(viewer, stopping).map(|notice| match notice {
        Notice::Step(step) => Event::default().event("step").json_data(step),
        Notice::Http(request) => Event::default().event("http").json_data(request),
    });
    Sse::new(tokio_stream::once(Ok(id)).chain(notices)).keep_alive(KeepAlive::default()).into_response()
}

fn notices(viewer: Viewer, stopping: CancellationToken) -> impl Stream<Item = Notice> {
    futures_util::stream::unfold((viewer, stopping), async |(mut viewer, stopping)| {
        let notice = stopping.run_until_cancelled(viewer.next()).await??;
        Some((notice, (viewer, stopping)))
    })
}
