//! Graceful shutdown of `serve`.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use axum_fcgi::Config;
use fcgi_core::{BeginRequest, RecordHeader, RecordType, RequestId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use crate::wire;

struct Served {
    addr: std::net::SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<std::io::Result<()>>,
    /// Receives a message from each handler that has started.
    started: mpsc::Receiver<()>,
    /// Lets a handler of `/slow` continue.
    release: mpsc::Sender<()>,
}

async fn serve(config: Config) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let (start, started) = mpsc::channel(16);
    let (release, released) = mpsc::channel(16);
    let released = Arc::new(tokio::sync::Mutex::new(released));
    let forever = start.clone();
    let router = Router::new()
        .route(
            "/slow",
            get(async move || {
                start.send(()).await.unwrap();
                released.lock().await.recv().await;
                "slow"
            }),
        )
        .route(
            "/forever",
            get(async move || {
                forever.send(()).await.unwrap();
                pending::<()>().await;
            }),
        );
    let signal = async { stopped.await.unwrap_or(()) };
    let serve = axum_fcgi::serve(listener, router).with_graceful_shutdown(signal).with_config(config);
    Served { addr, stop: Some(stop), task: tokio::spawn(serve.into_future()), started, release }
}

impl Served {
    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }
}

#[tokio::test]
async fn shutdown_while_idle_closes_all_at_once() {
    // With this deadline, waiting for it would be noticed.
    let mut served = serve(Config::default().with_shutdown_timeout(Duration::from_secs(86_400))).await;
    let mut kept = TcpStream::connect(served.addr).await.unwrap();
    wire::ask(&mut kept, &wire::get("/nothing", true)).await.unwrap();
    served.stop();
    let ended = tokio::time::timeout(Duration::from_secs(60), served.task).await;
    ended.expect("the shutdown must not wait").unwrap().unwrap();
    assert_eq!(kept.read(&mut [0; 1]).await.unwrap(), 0);
    assert!(TcpStream::connect(served.addr).await.is_err(), "the listener must be closed");
}

#[tokio::test]
async fn shutdown_completes_requests_and_partial_params() {
    let mut served = serve(Config::default()).await;
    let mut running = TcpStream::connect(served.addr).await.unwrap();
    running.write_all(&wire::get("/slow", true)).await.unwrap();
    served.started.recv().await.unwrap();
    let mut in_params = TcpStream::connect(served.addr).await.unwrap();
    let request = wire::get("/slow", true);
    let (start, rest) = request.split_at(RecordHeader::LEN + BeginRequest::LEN);
    // The response to the query shows that everything before it has been read.
    let query = RecordHeader::new(RecordType::GET_VALUES, RequestId::NULL, 0).encode();
    in_params.write_all(&[start, &query].concat()).await.unwrap();
    in_params.read_exact(&mut [0; RecordHeader::LEN]).await.unwrap();

    served.stop();
    in_params.write_all(rest).await.unwrap();
    served.started.recv().await.unwrap();
    for _ in 0..2 {
        served.release.send(()).await.unwrap();
    }
    assert!(wire::read_response(&mut running).await.unwrap().ends_with("slow"));
    assert!(wire::read_response(&mut in_params).await.unwrap().ends_with("slow"));
    served.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn shutdown_drops_a_stuck_handler_at_the_deadline() {
    let mut served = serve(Config::default().with_shutdown_timeout(Duration::from_millis(50))).await;
    let mut io = TcpStream::connect(served.addr).await.unwrap();
    io.write_all(&wire::get("/forever", true)).await.unwrap();
    served.started.recv().await.unwrap();
    served.stop();
    served.task.await.unwrap().unwrap();
    assert!(wire::read_response(&mut io).await.is_err(), "the response must not look complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocking_handler_does_not_delay_serve() {
    let (entrance, listener) = crate::in_memory::listener();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (start, mut started) = mpsc::channel(1);
    let released = Arc::new(std::sync::Mutex::new(released));
    let blocks = async move || {
        start.send(()).await.unwrap();
        let _ = released.lock().unwrap().recv();
        "blocked"
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let serve = axum_fcgi::serve(listener, Router::new().route("/", get(blocks)))
        .with_config(Config::default().with_shutdown_timeout(Duration::ZERO))
        .with_graceful_shutdown(async { stopped.await.unwrap_or(()) });
    let served = tokio::spawn(serve.into_future());
    let mut io = entrance.connect();
    io.write_all(&wire::get("/", true)).await.unwrap();
    started.recv().await.unwrap();
    stop.send(()).unwrap();
    served.await.unwrap().unwrap();
    release.send(()).unwrap();
}

#[tokio::test]
async fn shutdown_serves_the_accept_backlog() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut waiting = TcpStream::connect(addr).await.unwrap();
    waiting.write_all(&wire::get("/", true)).await.unwrap();
    let router = Router::new().route("/", get(async || "served"));
    // The shutdown signal comes before `serve` starts.
    let served = axum_fcgi::serve(listener, router).with_graceful_shutdown(std::future::ready(()));
    let served = tokio::spawn(served.into_future());
    assert!(wire::read_response(&mut waiting).await.unwrap().ends_with("served"));
    served.await.unwrap().unwrap();
}

/// More connections wait than there is room for, and no handler ends.
#[tokio::test]
async fn shutdown_accepts_up_to_max_connections() {
    const MOST: usize = 3;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    for _ in 0..3 * MOST {
        let mut io = TcpStream::connect(addr).await.unwrap();
        io.write_all(&wire::get("/", true)).await.unwrap();
        waiting.push(io);
    }
    let entered = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&entered);
    let waits = async move || {
        count.fetch_add(1, Ordering::Relaxed);
        pending::<()>().await;
    };
    let config =
        Config::default().with_max_connections(MOST).with_shutdown_timeout(Duration::from_millis(1500));
    let served = axum_fcgi::serve(listener, Router::new().route("/", get(waits))).with_config(config);
    served.with_graceful_shutdown(std::future::ready(())).await.unwrap();
    assert_eq!(entered.load(Ordering::Relaxed), MOST);
}

/// Those that wait are served as room appears.
#[tokio::test]
async fn shutdown_serves_the_backlog_in_turns() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    for _ in 0..20 {
        let mut io = TcpStream::connect(addr).await.unwrap();
        io.write_all(&wire::get("/", true)).await.unwrap();
        waiting.push(io);
    }
    let router = Router::new().route("/", get(async || "served"));
    let config = Config::default().with_max_connections(2);
    let served = axum_fcgi::serve(listener, router).with_config(config);
    let served = tokio::spawn(served.with_graceful_shutdown(std::future::ready(())).into_future());
    for mut io in waiting {
        assert!(wire::read_response(&mut io).await.unwrap().ends_with("served"));
    }
    served.await.unwrap().unwrap();
}

/// Clients send requests all the while, each over a kept connection, or over a new one each time: every
/// request whose handler was called gets its complete response.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_under_load_answers_every_accepted_request() {
    const CLIENTS: usize = 16;
    const BEFORE_THE_STOP: usize = 500;
    const RESPONSE: usize = 20_000;

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let entered = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&entered);
    let handler = async move || {
        count.fetch_add(1, Ordering::Relaxed);
        // Runs for a while, so that the stop finds requests in flight.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        "x".repeat(RESPONSE)
    };
    let (stop, stopped) = oneshot::channel();
    let signal = async { stopped.await.unwrap_or(()) };
    let router = Router::new().route("/", get(handler));
    let served =
        tokio::spawn(axum_fcgi::serve(listener, router).with_graceful_shutdown(signal).into_future());

    let (answered, mut responses) = mpsc::unbounded_channel();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let (answered, keep_conn) = (answered.clone(), client % 2 == 0);
        clients.spawn(async move {
            let mut kept = None;
            loop {
                let io = match kept.take() {
                    Some(io) => Ok(io),
                    None => TcpStream::connect(addr).await,
                };
                // The listener is closed, or an idle connection was closed.
                let Ok(mut io) = io else { return };
                let Ok(response) = wire::ask(&mut io, &wire::get("/", keep_conn)).await else { return };
                assert!(response.ends_with(&"x".repeat(RESPONSE)));
                answered.send(()).unwrap();
                kept = keep_conn.then_some(io);
            }
        });
    }
    drop(answered);
    for _ in 0..BEFORE_THE_STOP {
        responses.recv().await.expect("the clients still run");
    }
    stop.send(()).unwrap();
    served.await.unwrap().unwrap();
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    let mut all = BEFORE_THE_STOP;
    while responses.recv().await.is_some() {
        all += 1;
    }
    assert_eq!(all, entered.load(Ordering::Relaxed));
}
