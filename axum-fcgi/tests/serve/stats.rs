//! The numbers of `Stats` that the accept loop counts.

use std::fs::File;
use std::future::{IntoFuture as _, pending};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use axum_fcgi::stats::ConnectionState;
use axum_fcgi::{AllowList, AllowListener, Config, Stats};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::accept::with_descriptors;
use crate::in_memory::listener;
use crate::wire;

const SECOND: Duration = Duration::from_secs(1);

/// A router with a page, and a handler that takes 5 s.
fn router() -> Router {
    Router::new()
        .route("/", get(async || "served"))
        .route("/slow", get(async || sleep(5 * SECOND).await))
        .route("/hold", get(hold))
}

/// Upgrades, and keeps the stream.
async fn hold(request: axum::extract::Request) -> impl axum::response::IntoResponse {
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let mut stream = hyper_util::rt::TokioIo::new(upgrade.await.unwrap());
        let _ = stream.read(&mut [0; 1]).await;
    });
    (StatusCode::SWITCHING_PROTOCOLS, [("connection", "upgrade"), ("upgrade", "echo")])
}

async fn ask(io: &mut DuplexStream, path: &str) {
    wire::ask(io, &wire::get(path, true)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn stats_combine_with_other_settings() {
    let stats = Stats::new();
    let (entrance, listener) = listener();
    let serve = axum_fcgi::serve(listener, router())
        .with_stats(stats.clone())
        .with_authorizer(axum::handler::HandlerWithoutStateExt::into_service(async || StatusCode::FORBIDDEN))
        .with_graceful_shutdown(pending())
        .with_config(Config::default());
    tokio::spawn(serve.into_future());
    let mut io = entrance.connect();
    ask(&mut io, "/").await;
    let other = Stats::new();
    let (other_entrance, listener) = crate::in_memory::listener();
    let serve = axum_fcgi::serve(listener, router()).with_graceful_shutdown(pending());
    tokio::spawn(serve.with_stats(other.clone()).into_future());
    let mut other_io = other_entrance.connect();
    ask(&mut other_io, "/").await;
    ask(&mut other_io, "/").await;
    for (stats, completed) in [(stats, 1), (other, 2)] {
        let snapshot = stats.snapshot();
        assert_eq!((snapshot.connections.accepted, snapshot.requests.completed), (1, completed));
        let [connection] = <[_; 1]>::try_from(stats.connections()).unwrap();
        assert_eq!((connection.peer.as_deref(), connection.state), (Some("()"), ConnectionState::Idle));
    }
}

#[tokio::test(start_paused = true)]
async fn the_wait_at_max_connections_is_timed() {
    let stats = Stats::new();
    let (entrance, listener) = listener();
    let config = Config::default().with_max_connections(1);
    let serve = axum_fcgi::serve(listener, router()).with_config(config).with_stats(stats.clone());
    tokio::spawn(serve.into_future());
    let mut busy = entrance.connect();
    let mut waiting = entrance.connect();
    tokio::join!(ask(&mut busy, "/slow"), ask(&mut waiting, "/"));
    let connections = stats.snapshot().connections;
    assert_eq!((connections.accept_wait.count, connections.accept_wait.sum), (1, 5 * SECOND));
    assert_eq!((connections.accepted, connections.open.max), (2, 1));
    assert_eq!((connections.closed.evicted, connections.closed.total()), (1, 1));
    assert_eq!(connections.refused.total(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_service_is_refused() {
    let stats = Stats::new();
    let (entrance, listener) = listener();
    let never = tower::service_fn(|_: axum_fcgi::IncomingStream<'_, crate::in_memory::InMemory>| {
        pending::<Result<Router, std::convert::Infallible>>()
    });
    let (stop, stopped) = oneshot::channel::<()>();
    let serve = axum_fcgi::serve(listener, never)
        .with_stats(stats.clone())
        .with_graceful_shutdown(async { stopped.await.unwrap_or(()) });
    let serving = tokio::spawn(serve.into_future());
    let _connections = [entrance.connect(), entrance.connect()];
    sleep(SECOND).await;
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
    let connections = stats.snapshot().connections;
    assert_eq!((connections.refused.shutdown, connections.refused.total()), (2, 2));
    assert_eq!((connections.accepted, connections.open.max), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn connections_over_http_are_counted() {
    let stats = Stats::new();
    let ((_fastcgi, fastcgi_listener), (http, http_listener)) = (listener(), listener());
    let serve = axum_fcgi::serve(fastcgi_listener, router()).with_upgrades_over_http(http_listener);
    tokio::spawn(serve.with_stats(stats.clone()).into_future());
    let mut io = http.connect();
    io.write_all(b"GET /hold HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        .await
        .unwrap();
    sleep(SECOND).await;
    let snapshot = stats.snapshot();
    assert_eq!((snapshot.connections.accepted, snapshot.connections.open.current), (1, 1));
    assert_eq!((snapshot.requests.upgraded.current, snapshot.requests.begun), (1, 0));
    assert_eq!(stats.connections()[0].state, ConnectionState::Active);
    drop(io);
    sleep(SECOND).await;
    let snapshot = stats.snapshot();
    assert_eq!((snapshot.connections.open.current, snapshot.connections.closed.http), (0, 1));
    assert_eq!((snapshot.requests.upgraded.current, snapshot.requests.upgraded.max), (0, 1));
}

#[tokio::test]
async fn disallowed_peers_are_counted() {
    let stats = Stats::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let list: AllowList = "192.0.2.1".parse().unwrap();
    let serve = axum_fcgi::serve(AllowListener::new(listener, list), router()).with_stats(stats.clone());
    tokio::spawn(serve.into_future());
    for _ in 0..3 {
        let mut io = TcpStream::connect(addr).await.unwrap();
        assert_eq!(io.read(&mut [0; 1]).await.unwrap(), 0);
    }
    let connections = stats.snapshot().connections;
    assert_eq!((connections.refused.allow_list, connections.refused.total()), (3, 3));
    assert_eq!(connections.accepted, 0);
}

#[test]
fn missing_descriptors_are_counted() {
    with_descriptors("-n 48", "stats::missing_descriptors_are_counted", || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(without_descriptors());
    });
}

async fn without_descriptors() {
    let stats = Stats::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let config = Config::default().with_raise_descriptor_limit(false);
    let serve = axum_fcgi::serve(listener, router()).with_config(config).with_stats(stats.clone());
    tokio::spawn(serve.into_future());
    tokio::task::yield_now().await;
    // Nothing else runs before the next `await`, so `accept` finds this when no descriptor is left.
    let _waiting = std::net::TcpStream::connect(addr).unwrap();
    let mut taken = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
    }
    let refused = loop {
        let refused = stats.snapshot().connections.refused;
        if refused.total() > 0 {
            break refused;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((refused.no_descriptor, refused.total()), (1, 1));
    drop(taken);
}
