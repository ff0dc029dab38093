//! An existing HTTP application that can also serve FastCGI: its address selects the protocol.
//!
//! ```sh
//! cargo run -p address -- http://127.0.0.1:8080     # HTTP, as before
//! cargo run -p address -- 127.0.0.1:9000            # FastCGI; or any other axum_fcgi::Address, such as /run/app.sock
//! ```
//!
//! Its routes do not contain the prefix `/app`, below which it is mounted: behind nginx or lighttpd with this folder's
//! configurations, and over HTTP.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use axum::Router;
use axum::extract::{ConnectInfo, OriginalUri, Path};
use axum::response::Redirect;
use axum::routing::get;
use axum_fcgi::{Config, FcgiListener, RequestTarget, tower_fcgi};
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};

const PREFIX: &str = "/app";

fn app() -> Router {
    Router::new()
        .route("/", get(async || "Hello, World!\n"))
        .route("/hello/{name}", get(async |Path(name): Path<String>| format!("Hello, {name}!\n")))
        // The request's path with the prefix.
        .route("/uri", get(async |OriginalUri(uri): OriginalUri| format!("{uri}\n")))
        // The client's address. Behind a web server over HTTP it would be the web server's.
        .route(
            "/client",
            get(async |ConnectInfo(client): ConnectInfo<SocketAddr>| format!("{}\n", client.ip())),
        )
        // The prefix is not added to responses.
        .route("/old", get(async || Redirect::to(&format!("{PREFIX}/hello/again"))))
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The error lists the valid forms of an address.
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("usage: address http://IP:PORT | ADDRESS")?;
    let stop = stop()?;
    match address.strip_prefix("http://") {
        Some(address) => {
            let service =
                Router::new().nest(PREFIX, app()).into_make_service_with_connect_info::<SocketAddr>();
            let listener = TcpListener::bind(address.trim_end_matches('/')).await?;
            axum::serve(listener, service).with_graceful_shutdown(stop).await?;
        }
        None => {
            let connection = tower_fcgi::Config::default()
                .with_request_target(RequestTarget::StripPrefix(PREFIX.to_owned()));
            let listener = FcgiListener::bind(address)?;
            axum_fcgi::serve(listener, app())
                .with_config(Config::default().with_connection(connection))
                .with_graceful_shutdown(stop)
                .await?;
        }
    }
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
