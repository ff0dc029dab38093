//! The server. It has its own process, so that its memory and descriptors can be measured.

use std::convert::Infallible;
use std::io;
use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use axum_fcgi::UnixSocket;
use futures_util::{Stream, StreamExt as _, stream};
use tokio::runtime::Handle;

use crate::pattern::pattern;

/// Bytes in a chunk of a large response.
const CHUNK: usize = 16 * 1024;
/// Events in an event stream.
pub(crate) const EVENTS: u64 = 20;

/// Serves until the process is killed.
#[tokio::main]
pub(crate) async fn serve(path: &str) -> io::Result<()> {
    // Thousands of handlers panic on purpose. An unexpected panic shows as a wrong response.
    panic::set_hook(Box::new(|_| {}));
    axum_fcgi::serve(UnixSocket::new(path).bind()?, app()).await
}

fn app() -> Router {
    Router::new()
        .route("/small/{seed}", get(async |Path(seed): Path<u64>| pattern(seed, 0, small(seed))))
        .route("/up", post(up))
        .route("/down/{seed}/{len}", get(down))
        .route("/events/{seed}", get(events))
        .route("/early", post(async || (StatusCode::FORBIDDEN, "no")))
        .route("/panic", get(fails))
        .route("/wait", get(waits).post(waits))
        .route("/state", get(state))
        .layer(DefaultBodyLimit::disable())
}

/// Returns the length of a small response.
pub(crate) const fn small(seed: u64) -> usize {
    1 + (seed % 900) as usize
}

/// Responds with the body's length and checksum.
async fn up(body: Body) -> impl IntoResponse {
    let mut chunks = body.into_data_stream();
    let (mut len, mut sum) = (0, crc32fast::Hasher::new());
    while let Some(chunk) = chunks.next().await {
        let Ok(chunk) = chunk else { return (StatusCode::BAD_REQUEST, "incomplete".to_owned()) };
        len += chunk.len();
        sum.update(&chunk);
    }
    (StatusCode::OK, format!("{len} {:08x}", sum.finalize()))
}

async fn down(Path((seed, len)): Path<(u64, usize)>) -> Body {
    let chunks = (0..len).step_by(CHUNK).map(move |at| {
        let chunk = pattern(seed, at, CHUNK.min(len - at));
        Ok::<_, Infallible>(Bytes::from(chunk))
    });
    Body::from_stream(stream::iter(chunks))
}

async fn events(Path(seed): Path<u64>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(stream::unfold(0, move |number| async move {
        if number == EVENTS {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        Some((Ok(Event::default().data(format!("{seed} {number}"))), number + 1))
    }))
}

async fn fails() -> &'static str {
    tokio::task::yield_now().await;
    panic!("on request");
}

/// Handlers that never complete.
static WAITING: AtomicUsize = AtomicUsize::new(0);

struct Waiting;

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITING.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn waits(_body: Body) -> &'static str {
    WAITING.fetch_add(1, Ordering::SeqCst);
    let _waiting = Waiting;
    std::future::pending().await
}

/// Responds with the number of live tasks and of waiting handlers.
async fn state() -> String {
    let tasks = Handle::current().metrics().num_alive_tasks();
    format!("{tasks} {}", WAITING.load(Ordering::SeqCst))
}
