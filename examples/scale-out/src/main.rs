//! Several instances of one application behind nginx or HAProxy, restarted one after another without losing a request.
//!
//! ```sh
//! cargo run -p scale-out -- 127.0.0.1:9001
//! cargo run -p scale-out -- 127.0.0.1:9002
//! cargo run -p scale-out -- 127.0.0.1:9003
//! ```
//!
//! Then start nginx with `nginx.conf`, or HAProxy with `haproxy.cfg`. On SIGTERM an instance stops accepting connections,
//! closes idle ones, completes the requests in flight, and exits.

use std::io;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use axum_fcgi::{Address, FcgiListener};
#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};

fn app() -> Router {
    let instance = std::process::id();
    Router::new()
        .route("/quick/{text}", get(async move |Path(text): Path<String>| format!("{instance} {text}")))
        .route("/slow/{text}", get(slow))
        .route("/post", post(async move |text: String| format!("{instance} {text}")))
}

async fn slow(Path(text): Path<String>) -> String {
    tokio::time::sleep(Duration::from_millis(20)).await;
    format!("{} {text}", std::process::id())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address: Address = std::env::args().nth(1).ok_or("usage: scale-out ADDRESS")?.parse()?;
    // Before the listener exists: from then on a supervisor may send SIGTERM.
    let stop = stop()?;
    let listener = FcgiListener::bind(&address)?;
    println!("listening at {address}");
    axum_fcgi::serve(listener, app()).with_graceful_shutdown(stop).await?;
    Ok(())
}

/// Completes on SIGTERM, or on Windows, which has no signals, on Ctrl-C. Both are handled from this call on.
fn stop() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut stop = signal(SignalKind::terminate())?;
    #[cfg(windows)]
    let mut stop = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        stop.recv().await;
    })
}
