//! What `serve` logs: its start, its end, and what it lacks.

use std::future::pending;
use std::sync::mpsc as std_mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use axum_fcgi::{Config, FcgiListener, Listeners, UnixSocket};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{advance, sleep};
use tracing::Level;

use crate::log::Log;
use crate::{in_memory, wire};

const SECOND: Duration = Duration::from_secs(1);

fn infos(log: &Log) -> Vec<String> {
    log.at(|level| *level == Level::INFO)
}

/// Has a message from each handler of `/wait`, which never responds.
fn router() -> (Router, mpsc::UnboundedReceiver<()>) {
    let (start, started) = mpsc::unbounded_channel();
    let waits = async move || {
        start.send(()).unwrap();
        pending::<()>().await;
    };
    (Router::new().route("/", get(async || "served")).route("/wait", get(waits)), started)
}

#[tokio::test]
async fn start_and_end_are_logged_at_info() {
    let (log, _guard) = Log::start();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.sock");
    let tcp = FcgiListener::bind(":0").unwrap();
    let addr = tcp.local_addr().unwrap();
    let listeners = Listeners::new(tcp).and(UnixSocket::new(&path).bind().unwrap());
    let config = Config::default().with_max_connections(7).with_shutdown_timeout(SECOND);
    let serve = axum_fcgi::serve(listeners, Router::new()).with_config(config);
    serve.with_graceful_shutdown(async {}).await.unwrap();
    let infos = infos(&log);
    assert_eq!((infos.len(), log.warnings().len()), (3, 0), "{infos:?}");
    for part in [
        &format!("version=\"{}\"", env!("CARGO_PKG_VERSION")),
        &format!("addresses=[\"{addr}\", \"unix:{}\"]", path.display()),
        "started_by=\"the application\"",
        "max_connections=7 max_concurrent_requests=128 request_timeout=None shutdown_timeout=Some(1s) ",
        "serving FastCGI",
    ] {
        assert!(infos[0].contains(part), "{} does not contain {part}", infos[0]);
    }
    assert!(
        infos[1].contains("cause=\"the application\" busy=0 idle=0 ")
            && infos[1].contains("shutting down: no more connections are accepted")
    );
    assert!(
        infos[2].contains("finished=0 dropped=0 took=") && infos[2].contains("the shutdown is complete"),
        "{infos:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_end_says_what_finished_and_what_not() {
    let (log, _guard) = Log::start();
    let (entrance, listener) = in_memory::listener();
    let (router, mut started) = router();
    let (stop, stopped) = oneshot::channel::<()>();
    let serve = axum_fcgi::serve(listener, router)
        .with_config(Config::default().with_shutdown_timeout(5 * SECOND))
        .with_graceful_shutdown(async { stopped.await.unwrap_or(()) });
    let served = tokio::spawn(serve.into_future());
    let mut kept = entrance.connect();
    wire::ask(&mut kept, &wire::get("/", true)).await.unwrap();
    let mut stuck = entrance.connect();
    stuck.write_all(&wire::get("/wait", true)).await.unwrap();
    started.recv().await.unwrap();
    let request = wire::get("/", true);
    let (begin, rest) = request.split_at(40);
    let mut late = entrance.connect();
    late.write_all(begin).await.unwrap();
    sleep(SECOND / 10).await;
    stop.send(()).unwrap();
    sleep(SECOND / 10).await;
    assert!(wire::ask(&mut late, rest).await.unwrap().ends_with("served"));
    served.await.unwrap().unwrap();
    let infos = infos(&log);
    // The requests have no SCRIPT_NAME.
    let warnings: Vec<_> = log.warnings().into_iter().filter(|line| !line.contains("SCRIPT_NAME")).collect();
    assert!(infos[1].contains("busy=2 idle=1 shutdown_timeout=Some(5s) "), "{infos:?}");
    assert!(infos[2].contains("finished=1 dropped=1 took=5"), "{infos:?}");
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("connections=1 limit=Some(5s) "), "{warnings:?}");
    assert!(warnings[0].contains("graceful shutdown timed out: aborting connections"), "{warnings:?}");
    let dropped = "method=GET uri=/wait peer=\"()\" id=1 ";
    assert!(warnings[1].contains(dropped) && warnings[1].contains("was dropped"), "{warnings:?}");
}

#[tokio::test(start_paused = true)]
async fn waiting_at_max_connections_is_one_warn_in_10_s() {
    let (log, _guard) = Log::start();
    let (entrance, listener) = in_memory::listener();
    let (router, mut started) = router();
    let config = Config::default().with_max_connections(1);
    tokio::spawn(axum_fcgi::serve(listener, router).with_config(config).into_future());
    // An idle connection makes room at once.
    let mut idle = entrance.connect();
    wire::ask(&mut idle, &wire::get("/", true)).await.unwrap();
    for count in ["1", "", "2"] {
        let mut busy = entrance.connect();
        busy.write_all(&wire::get("/wait", true)).await.unwrap();
        started.recv().await.unwrap();
        let before = log.warnings().len();
        let mut waiting = entrance.connect();
        waiting.write_all(&wire::get("/", true)).await.unwrap();
        sleep(SECOND / 10).await;
        let warnings = log.warnings()[before..].to_vec();
        if count.is_empty() {
            assert_eq!(warnings, [""; 0]);
            advance(10 * SECOND).await;
        } else {
            let fields = format!("max_connections=1 count={count} ");
            assert!(warnings.len() == 1 && warnings[0].contains(&fields), "{warnings:?}");
            assert!(
                warnings[0].contains("max_connections is reached, and no connection is idle"),
                "{warnings:?}"
            );
        }
        drop(busy);
        assert!(wire::read_response(&mut waiting).await.unwrap().ends_with("served"));
    }
}

#[test]
fn serve_returns_although_all_threads_are_blocked() {
    let (log, _guard) = Log::start();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (entrance, listener) = in_memory::listener();
    let (release, released) = std_mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let (stop, stopped) = oneshot::channel::<()>();
    let stop = Arc::new(Mutex::new(Some(stop)));
    let blocks = async move || {
        stop.lock().unwrap().take().unwrap().send(()).unwrap();
        // Until the test has seen `serve` return.
        let _ = released.lock().unwrap().recv();
    };
    let config = Config::default().with_shutdown_timeout(SECOND / 20);
    let serve = axum_fcgi::serve(listener, Router::new().route("/block", get(blocks)))
        .with_config(config)
        .with_graceful_shutdown(async { stopped.await.unwrap_or(()) });
    let mut io = entrance.connect();
    runtime.block_on(async {
        io.write_all(&wire::get("/block", true)).await.unwrap();
        serve.await.unwrap();
    });
    let warnings = log.warnings();
    let last = warnings.last().unwrap();
    assert!(
        last.contains("connections=1 peers=[\"()\"]")
            && last.contains("connections do not end: a handler blocks its thread"),
        "{warnings:?}"
    );
    assert!(infos(&log).last().unwrap().contains("finished=0 dropped=1 "));
    release.send(()).unwrap();
}
