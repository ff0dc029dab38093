//! An application of this workspace, which runs in a thread.

use std::convert::Infallible;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, Request};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{any, get, post};
use axum_fcgi::{FcgiListener, Stats, Stderr};
use futures_util::StreamExt as _;
use futures_util::stream::{iter, once};
use test_support::Result;
use tokio::sync::oneshot;

/// Length of a large response.
pub(crate) const LARGE: usize = 3_000_000;

fn router(stats: Stats) -> Router {
    Router::new()
        .route("/", any(async |request: Request| format!("{} {}\n", request.method(), request.uri())))
        .route("/hello/{name}", get(async |Path(name): Path<String>| format!("Hello, {name}!\n")))
        .route("/echo", post(async |body: Bytes| body))
        .route("/length", post(async |body: Bytes| format!("{} bytes", body.len())))
        .route("/agent", get(agent))
        .route("/status", get(axum_fcgi::status(stats)))
        .route("/status/{code}", get(status))
        .route("/stderr", get(stderr))
        .route("/large", get(async || "x".repeat(LARGE)))
        .route("/cut", get(cut))
        .layer(DefaultBodyLimit::disable())
}

async fn agent(request: Request) -> impl IntoResponse {
    let agent = request.headers().get("user-agent").cloned();
    agent.map_or_else(|| "none".into_response(), |agent| agent.as_bytes().to_vec().into_response())
}

async fn status(Path(code): Path<u16>) -> impl IntoResponse {
    (StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_REQUEST), "as you say\n")
}

async fn stderr(stderr: Stderr) -> impl IntoResponse {
    match stderr.write("a line for the log").await {
        Ok(()) => "logged\n",
        Err(_) => "not logged\n",
    }
}

/// A response that fails in its middle, after its first chunk was written.
async fn cut() -> Body {
    let failure = once(async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Err("the rest is lost")
    });
    Body::from_stream(iter([Ok(Bytes::from_static(b"half"))]).chain(failure))
}

/// A running application. Dropping it stops the application.
pub(crate) struct Application {
    pub(crate) address: String,
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Application {
    pub(crate) fn start() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _inside = runtime.enter();
            FcgiListener::bind(":0")?
        };
        let address = listener.local_addr()?.to_string();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                let stats = Stats::new();
                let serve = axum_fcgi::serve(listener, router(stats.clone())).with_stats(stats);
                tokio::select! {
                    ended = serve => panic!("the server stopped: {ended:?}"),
                    // The sender is dropped.
                    _ = stopped => {}
                }
            });
        });
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
