//! An application served by this crate.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, OriginalUri};
use axum::http::{Request, StatusCode, Uri};
use axum::routing::{get as get_route, post};
use axum_fcgi::tower_fcgi::client::Pool;
use axum_fcgi::{FastCgiGateway, RequestScheme, ScriptName};
use futures_util::StreamExt as _;
use futures_util::stream::{iter, once};
use http_body_util::BodyExt as _;
use libtest_mimic::Trial;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::client::{ask, get, send, streamed};
use crate::runner::block_on;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("own/the_client_address_arrives", || block_on(facts())),
        Trial::test("own/bodies_stream_both_ways", || block_on(streams())),
        Trial::test("own/an_incomplete_response_is_an_error", || block_on(broken())),
        Trial::test("own/a_rejected_request_is_a_503", || block_on(rejections())),
        Trial::test("own/a_connect_timeout_is_a_504", || block_on(no_connection())),
        Trial::test("own/a_silent_application_is_a_504", || block_on(silence())),
        Trial::test("own/a_disconnect_cancels_the_handler", || block_on(disconnect())),
    ]
}

/// A Router over FastCGI, behind `/app` of another one, and the socket's directory.
fn mounted(application: Router, connections: usize) -> (Router, TempDir) {
    let directory = TempDir::new().unwrap();
    let socket = directory.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move { axum_fcgi::serve(listener, application).await });
    let pool: Pool<_, Body> =
        Pool::builder(move || UnixStream::connect(socket.clone())).max_size(connections).build();
    (Router::new().nest_service("/app", FastCgiGateway::new(pool).https(true)), directory)
}

async fn facts() {
    let handler =
        async |uri: Uri,
               OriginalUri(original): OriginalUri,
               ConnectInfo(client): ConnectInfo<std::net::SocketAddr>,
               RequestScheme(scheme): RequestScheme,
               ScriptName(script): ScriptName| format!("{uri} {original} {client} {scheme} {script}");
    let (router, _directory) = mounted(Router::new().fallback(handler), 1);
    let response = get(&router, "/app/a%20b?c").await;
    assert_eq!(response.text(), "/app/a%20b?c /app/a%20b?c 192.0.2.7:4711 https /app");
    let nul = get(&router, "/app/a%00b").await;
    assert_eq!(nul.status, 400);
    assert_eq!(get(&router, "/app").await.status, 200);
}

async fn streams() {
    let echo = post(async |body: Body| body);
    let (router, _directory) = mounted(Router::new().route("/app/echo", echo), 1);
    for _ in 0..2 {
        let request = Request::post("/app/echo").body(streamed(10_000_000)).unwrap();
        assert_eq!(ask(&router, request).await.body.len(), 10_000_000);
    }
}

async fn broken() {
    let started = Arc::new(Notify::new());
    let seen = Arc::clone(&started);
    let failing = get_route(async move || {
        // After the head was received: before that the response would be a complete 500.
        let failure = once(async move {
            seen.notified().await;
            Err(io::Error::other("the body's source failed"))
        });
        Body::from_stream(iter([Ok(Bytes::from_static(b"some"))]).chain(failure))
    });
    let panicking = get_route(async || -> StatusCode { panic!("a handler's own failure") });
    let (router, _directory) =
        mounted(Router::new().route("/app/failing", failing).route("/app/panicking", panicking), 1);
    for _ in 0..3 {
        let request = Request::get("/app/failing").body(Body::empty()).unwrap();
        let response = send(&router, request).await;
        assert_eq!(response.status(), 200);
        started.notify_one();
        response.into_body().collect().await.expect_err("the body must be incomplete");
        assert_eq!(get(&router, "/app/panicking").await.status, 500);
    }
}

async fn rejections() {
    // END_REQUEST with OVERLOADED, and with no output before it.
    let directory = TempDir::new().unwrap();
    let socket = directory.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        for status in [2, 0] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let end = [1, 3, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0, status, 0, 0, 0];
            stream.read_exact(&mut [0; 100]).await.unwrap();
            stream.write_all(&end).await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    });
    let pool: Pool<_, Body> = Pool::builder(move || UnixStream::connect(socket.clone())).build();
    let router = Router::new().nest_service("/app", FastCgiGateway::new(pool));
    for status in [503, 502] {
        let response = get(&router, "/app/").await;
        assert_eq!((response.status, response.text()), (status, ""));
    }
}

async fn no_connection() {
    let pool = Pool::builder(pending::<io::Result<UnixStream>>).connect_timeout(Duration::from_millis(1));
    let pool: Pool<_, Body> = pool.build();
    let router = Router::new().nest_service("/app", FastCgiGateway::new(pool));
    assert_eq!(get(&router, "/app/").await.status, 504);
}

async fn disconnect() {
    struct NotifyOnDrop(Arc<Notify>);
    impl Drop for NotifyOnDrop {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let (started, dropped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (on_start, on_drop) = (Arc::clone(&started), Arc::clone(&dropped));
    let waiting = get_route(async move || -> StatusCode {
        let _notify = NotifyOnDrop(on_drop);
        on_start.notify_one();
        pending().await
    });
    let (router, _directory) = mounted(Router::new().route("/app/waiting", waiting), 1);
    for _ in 0..3 {
        let request = Request::get("/app/waiting").body(Body::empty()).unwrap();
        tokio::select! {
            _ = send(&router, request) => panic!("no response must come"),
            () = started.notified() => {}
        }
        dropped.notified().await;
    }
}

/// The listener accepts and does not respond. Waiting takes no time: the clock is paused.
async fn silence() {
    let directory = TempDir::new().unwrap();
    let socket = directory.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let pool: Pool<_, Body> = Pool::builder(move || UnixStream::connect(socket.clone())).build();
    let whole = Router::new().nest_service("/app", FastCgiGateway::new(pool.clone()));
    let short = FastCgiGateway::new(pool).header_timeout(Duration::from_secs(5));
    let short = Router::new().nest_service("/app", short);
    tokio::time::pause();
    for (router, seconds) in [(&whole, 60), (&short, 5)] {
        let start = Instant::now();
        let (response, accepted) = tokio::join!(get(router, "/app/"), listener.accept());
        assert_eq!((response.status, response.text()), (504, ""));
        assert_eq!(start.elapsed().as_secs(), seconds);
        // The application is not left with a connection that is not read.
        let mut received = Vec::new();
        accepted.unwrap().0.read_to_end(&mut received).await.unwrap();
        assert!(!received.is_empty());
    }
}
