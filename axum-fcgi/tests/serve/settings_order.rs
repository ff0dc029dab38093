//! The settings of `serve` in every order.

use std::io;
use std::pin::Pin;

use axum::Router;
use axum::handler::HandlerWithoutStateExt as _;
use axum::http::Uri;
use axum_fcgi::{Authorized, Config, Params, RequestTarget, Stats};
use fcgi_core::{RecordType, Role};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;

use crate::in_memory::{Entrance, InMemory, listener};
use crate::roles::head;
use crate::wire;

type Served = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// What a server is made of.
struct Parts {
    fastcgi: InMemory,
    http: InMemory,
    stats: Stats,
    stopped: oneshot::Receiver<()>,
}

/// What a test does with the server.
struct Ends {
    fastcgi: Entrance,
    http: Entrance,
    stats: Stats,
    stop: oneshot::Sender<()>,
}

fn parts() -> (Ends, Parts) {
    let ((fastcgi, fastcgi_listener), (http, http_listener)) = (listener(), listener());
    let (stats, (stop, stopped)) = (Stats::new(), oneshot::channel());
    let parts = Parts { fastcgi: fastcgi_listener, http: http_listener, stats: stats.clone(), stopped };
    (Ends { fastcgi, http, stats, stop }, parts)
}

async fn signal(stopped: oneshot::Receiver<()>) {
    stopped.await.expect("the test stops the server");
}

fn router() -> Router {
    Router::new().fallback(async |params: Params, uri: Uri| format!("{:?} {uri}", params.role()))
}

/// One server for each order of the settings in brackets.
macro_rules! in_every_order {
    ($servers:ident, $parts:ident, [$($setting:ident)*]) => {
        in_every_order!(@next $servers, $parts, axum_fcgi::serve($parts.fastcgi, router()), [], [], [$($setting)*])
    };
    // All are made.
    (@next $servers:ident, $parts:ident, $serve:expr, [$($made:ident)*], [], []) => {
        let (ends, $parts) = parts();
        $servers.push((stringify!($($made)*), ends, Box::pin($serve.into_future()) as Served));
    };
    // Each of the rest was the next one.
    (@next $servers:ident, $parts:ident, $serve:expr, [$($made:ident)*], [$($left:ident)*], []) => {};
    (@next $servers:ident, $parts:ident, $serve:expr, [$($made:ident)*], [$($left:ident)*], [$next:ident $($later:ident)*]) => {
        in_every_order!(@next $servers, $parts, set!($next, $parts, $serve), [$($made)* $next], [], [$($left)* $($later)*]);
        in_every_order!(@next $servers, $parts, $serve, [$($made)*], [$($left)* $next], [$($later)*]);
    };
}

macro_rules! set {
    // Neither changes the type, so their order does not matter.
    (config_and_stats, $parts:ident, $serve:expr) => {
        $serve.with_config(config()).with_stats($parts.stats)
    };
    (upgrades_over_http, $parts:ident, $serve:expr) => {
        $serve.with_upgrades_over_http($parts.http)
    };
    (authorizer, $parts:ident, $serve:expr) => {
        $serve.with_authorizer((async || Authorized::new()).into_service())
    };
    (filter, $parts:ident, $serve:expr) => {
        $serve.with_filter(router())
    };
    (graceful_shutdown, $parts:ident, $serve:expr) => {
        $serve.with_graceful_shutdown(signal($parts.stopped))
    };
}

fn config() -> Config {
    let target = RequestTarget::StripPrefix("/app".to_owned());
    Config::default().with_connection(tower_fcgi::Config::default().with_request_target(target))
}

fn request(role: Role) -> Vec<u8> {
    let pairs = [("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/app/page"), ("FCGI_DATA_LENGTH", "0")];
    let mut out = head(role, &pairs);
    if role != Role::AUTHORIZER {
        out.write_stream_end(RecordType::STDIN, wire::ID);
    }
    if role == Role::FILTER {
        out.write_stream_end(RecordType::DATA, wire::ID);
    }
    wire::bytes(&out)
}

/// Each setting has its effect, whatever came before and after it.
#[tokio::test]
async fn settings_can_be_made_in_any_order() {
    let mut servers: Vec<(&str, Ends, Served)> = Vec::new();
    in_every_order!(
        servers,
        parts,
        [config_and_stats upgrades_over_http authorizer filter graceful_shutdown]
    );
    assert_eq!(servers.len(), 120);
    for (order, ends, served) in servers {
        let task = tokio::spawn(served);
        let mut io = ends.fastcgi.connect();
        let responder = wire::ask(&mut io, &request(Role::RESPONDER)).await.unwrap();
        assert!(responder.ends_with("RESPONDER /page"), "{order}: {responder}");
        let filter = wire::ask(&mut io, &request(Role::FILTER)).await.unwrap();
        assert!(filter.ends_with("FILTER /page"), "{order}: {filter}");
        let authorizer = wire::ask(&mut io, &request(Role::AUTHORIZER)).await.unwrap();
        assert_eq!(authorizer, "Status: 200 OK\r\n\r\n", "{order}");
        let (mut http, mut response) = (ends.http.connect(), String::new());
        http.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        http.read_to_string(&mut response).await.unwrap();
        assert!(response.starts_with("HTTP/1.1 426 "), "{order}: {response}");
        ends.stop.send(()).unwrap();
        task.await.unwrap().unwrap();
        assert_eq!(ends.stats.snapshot().requests.completed, 3, "{order}");
    }
}

#[tokio::test]
async fn the_last_config_and_stats_count() {
    let (first, second) = (Stats::new(), Stats::new());
    let (entrance, listener) = listener();
    let serve = axum_fcgi::serve(listener, router())
        .with_config(config())
        .with_stats(first.clone())
        .with_config(Config::default())
        .with_stats(second.clone());
    let task = tokio::spawn(serve.into_future());
    let mut io = entrance.connect();
    let response = wire::ask(&mut io, &request(Role::RESPONDER)).await.unwrap();
    assert!(response.ends_with("RESPONDER /app/page"), "{response}");
    assert_eq!([&first, &second].map(|stats| stats.snapshot().requests.completed), [0, 1]);
    task.abort();
}

/// No setting of `serve_auto` changes its type, so they can be made in any order.
#[test]
#[cfg(unix)]
fn settings_of_serve_auto_keep_its_type() {
    type Auto = axum_fcgi::ServeAuto<Router, axum_fcgi::make_service::Plain>;
    let with_config: fn(Auto, Config) -> Auto = Auto::with_config;
    let with_stats: fn(Auto, Stats) -> Auto = Auto::with_stats;
    let with_hangup: fn(Auto, bool) -> Auto = Auto::with_hangup_shutdown;
    let with_signal: fn(Auto, std::future::Ready<()>) -> Auto = Auto::with_graceful_shutdown;
    let signal = std::future::ready;
    let serve = with_signal(with_stats(axum_fcgi::serve_auto(router()), Stats::new()), signal(()));
    let serve = with_config(with_hangup(serve, true), Config::default().with_max_connections(7));
    let last = with_signal(with_config(serve, Config::default().with_max_connections(8)), signal(()));
    assert!(format!("{last:?}").contains("max_connections: 8"), "{last:?}");
}
