//! One application, served over FastCGI, over HTTP, and over FastCGI with a configured front controller.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{OriginalUri, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum_fcgi::{Config, tower_fcgi};
use test_support::Result;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// The requests that the handlers saw, in order: `METHOD target body`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<String>>>);

pub(crate) struct Application {
    pub(crate) seen: Seen,
    /// Over FastCGI, over HTTP, and over FastCGI with a front controller.
    pub(crate) ports: [u16; 3],
    _runtime: Runtime,
}

impl Application {
    pub(crate) fn start() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let bind = || runtime.block_on(TcpListener::bind("127.0.0.1:0"));
        let listeners = [bind()?, bind()?, bind()?];
        let mut ports = [0; 3];
        for (port, listener) in ports.iter_mut().zip(&listeners) {
            *port = listener.local_addr()?.port();
        }
        let seen = Seen::default();
        let router = Router::new().fallback(see).with_state(seen.clone());
        let [fastcgi, http, named] = listeners;
        let connection = tower_fcgi::Config::default().with_front_controllers(["/app.fcgi"]);
        let config = Config::default().with_connection(connection);
        runtime.spawn(axum_fcgi::serve(fastcgi, router.clone()).into_future());
        runtime.spawn(axum::serve(http, router.clone()).into_future());
        runtime.spawn(axum_fcgi::serve(named, router).with_config(config).into_future());
        Ok(Self { seen, ports, _runtime: runtime })
    }
}

impl Seen {
    /// Takes all requests so far.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn see(State(seen): State<Seen>, OriginalUri(whole): OriginalUri, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = match to_bytes(body, 1024).await {
        // Caddy sends the subrequest with the length of the request's body, but no body.
        _ if parts.uri.path() == "/authz" => String::new(),
        Ok(body) => String::from_utf8_lossy(&body).into_owned(),
        Err(error) => format!("a broken body: {error}"),
    };
    let mut shown = format!("{} {} {body}", parts.method, parts.uri).trim_end().to_owned();
    if whole != parts.uri {
        shown += &format!(", whole {whole}");
    }
    seen.0.lock().unwrap_or_else(PoisonError::into_inner).push(shown);
    match parts.uri.path() {
        // An authorization subrequest.
        "/denied" => StatusCode::FORBIDDEN.into_response(),
        "/page" => ([("content-type", "text/html")], r#"<!--#include virtual="/part?x" -->"#).into_response(),
        "/accel" => ([("x-accel-redirect", "/to/it?y")], "").into_response(),
        path if path.starts_with("/missing") => StatusCode::NOT_FOUND.into_response(),
        _ => "seen".into_response(),
    }
}
