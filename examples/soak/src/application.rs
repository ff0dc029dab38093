//! The server: a process of its own, so that its memory and descriptors are its own.

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

/// Bytes of a piece of a large answer.
const PIECE: usize = 16 * 1024;
/// Events of a stream of them.
pub(crate) const EVENTS: u64 = 20;

/// Serves until the process is ended.
#[tokio::main]
pub(crate) async fn serve(path: &str) -> io::Result<()> {
    // Handlers panic by the thousand. One that should not is a wrong answer.
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

/// Bytes of a small answer.
pub(crate) const fn small(seed: u64) -> usize {
    1 + (seed % 900) as usize
}

/// Tells the length and the checksum of what was sent.
async fn up(body: Body) -> impl IntoResponse {
    let mut pieces = body.into_data_stream();
    let (mut len, mut sum) = (0, crc32fast::Hasher::new());
    while let Some(piece) = pieces.next().await {
        let Ok(piece) = piece else { return (StatusCode::BAD_REQUEST, "cut short".to_owned()) };
        len += piece.len();
        sum.update(&piece);
    }
    (StatusCode::OK, format!("{len} {:08x}", sum.finalize()))
}

async fn down(Path((seed, len)): Path<(u64, usize)>) -> Body {
    let pieces = (0..len).step_by(PIECE).map(move |at| {
        let piece = pattern(seed, at, PIECE.min(len - at));
        Ok::<_, Infallible>(Bytes::from(piece))
    });
    Body::from_stream(stream::iter(pieces))
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
    panic!("as it was told to");
}

/// Handlers that wait for ever.
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

/// Tasks that are alive, and handlers that wait.
async fn state() -> String {
    let tasks = Handle::current().metrics().num_alive_tasks();
    format!("{tasks} {}", WAITING.load(Ordering::SeqCst))
}
