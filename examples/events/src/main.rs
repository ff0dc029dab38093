//! Server-Sent Events through nginx: what one client says, all others hear at once.
//!
//! ```sh
//! FCGI_LISTEN=127.0.0.1:9000 cargo run -p events
//! nginx -p /tmp -c $PWD/examples/events/nginx.conf
//! curl -N http://127.0.0.1:8080/events &
//! curl -d hello http://127.0.0.1:8080/say
//! ```

use std::convert::Infallible;
use std::io;

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::{get, post};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::{Stream, StreamExt as _};

fn app() -> Router {
    let (said, _) = broadcast::channel(64);
    Router::new().route("/events", get(events)).route("/say", post(say)).with_state(said)
}

async fn say(State(said): State<broadcast::Sender<String>>, text: String) {
    // An error says that nobody listens.
    let _ = said.send(text);
}

/// nginx collects an answer, unless the answer itself asks it not to, with this header.
async fn events(State(said): State<broadcast::Sender<String>>) -> impl IntoResponse {
    ([("X-Accel-Buffering", "no")], Sse::new(hear(&said)).keep_alive(KeepAlive::default()))
}

/// What is said from now on. Who is too slow misses some of it.
fn hear(said: &broadcast::Sender<String>) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
    let heard =
        BroadcastStream::new(said.subscribe()).filter_map(|text| Some(Ok(Event::default().data(text.ok()?))));
    // A first event says that the rest will be heard.
    tokio_stream::once(Ok(Event::default().event("listening").data(""))).chain(heard)
}

#[tokio::main]
async fn main() -> io::Result<()> {
    axum_fcgi::serve_auto(app()).await
}
