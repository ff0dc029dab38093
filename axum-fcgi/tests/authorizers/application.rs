//! The application, and its authorizer.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::handler::HandlerWithoutStateExt as _;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response, Result};
use axum_fcgi::{Authorized, Params};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// The application on a port of the loopback interface, until this is dropped.
pub(crate) struct Application {
    pub(crate) address: SocketAddr,
    _runtime: Runtime,
}

impl Application {
    pub(crate) fn start() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let serve = axum_fcgi::serve(listener, Router::new().fallback(page));
        runtime.spawn(serve.with_authorizer(authorize.into_service()).into_future());
        Ok(Self { address, _runtime: runtime })
    }
}

/// Responds with the authorizer's variable and the posted body.
async fn page(params: Params, body: Bytes) -> String {
    let granted = params.get_str("AUTH_GRANTED").unwrap_or("nothing");
    format!("granted {granted}, posted {}", String::from_utf8_lossy(&body))
}

/// Allows only alice. The authorizer does not get the body of the request.
async fn authorize(uri: Uri, headers: HeaderMap, params: Params, body: Bytes) -> Result<Response> {
    assert!(body.is_empty());
    if uri.path().ends_with("/page") {
        return Ok("a page, and no permission".into_response());
    }
    if uri.path().ends_with("/secret") {
        return Err((StatusCode::FORBIDDEN, "a secret").into());
    }
    // Apache has parsed the header, lighttpd has not: both mean `alice:pw`.
    let basic = headers.get("authorization").is_some_and(|value| value == "Basic YWxpY2U6cHc=");
    let user = (params.get_str("REMOTE_USER"), params.get_str("REMOTE_PASSWD"));
    if !basic && user != (Some("alice"), Some("pw")) {
        return Err((StatusCode::FORBIDDEN, [("x-denied", "yes")], "not you").into());
    }
    Ok(Authorized::new().variable("AUTH_GRANTED", "yes indeed")?.into_response())
}
