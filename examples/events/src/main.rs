//! Server-Sent Events through nginx: each client's message is sent to all clients at once.
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
    let (messages, _) = broadcast::channel(64);
    Router::new().route("/events", get(events)).route("/say", post(say)).with_state(messages)
}

async fn say(State(messages): State<broadcast::Sender<String>>, text: String) {
    // Fails only if no client is connected.
    let _ = messages.send(text);
}

/// nginx buffers responses unless they have this header.
async fn events(State(messages): State<broadcast::Sender<String>>) -> impl IntoResponse {
    ([("X-Accel-Buffering", "no")], Sse::new(subscribe(&messages)).keep_alive(KeepAlive::default()))
}

/// Returns the messages from now on as events. A client that is too slow misses some.
fn subscribe(messages: &broadcast::Sender<String>) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
    let events = BroadcastStream::new(messages.subscribe())
        .filter_map(|text| Some(Ok(Event::default().data(text.ok()?))));
    // The first event confirms the subscription.
    tokio_stream::once(Ok(Event::default().event("listening").data(""))).chain(events)
}

#[tokio::main]
async fn main() -> io::Result<()> {
    serve(app()).await
}

#[cfg(unix)]
async fn serve(router: Router) -> io::Result<()> {
    axum_fcgi::serve_auto(router).await
}

/// `serve_auto` needs Unix. This always listens at the address of the configurations.
#[cfg(not(unix))]
async fn serve(router: Router) -> io::Result<()> {
    axum_fcgi::serve(axum_fcgi::FcgiListener::bind("127.0.0.1:9000")?, router).await
}
