//! What a graceful shutdown waits for, and for how long, with paused time.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use axum::{Router, body::Bytes};
use axum_fcgi::Config;
use fcgi_core::{RecordHeader, RecordType};
use futures_util::stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::in_memory::{Entrance, listener};
use crate::wire;

const SECOND: Duration = Duration::from_secs(1);

struct Served {
    entrance: Entrance,
    stop: Option<oneshot::Sender<()>>,
    stopped_at: Instant,
    task: JoinHandle<std::io::Result<()>>,
}

/// Echoes bodies, and sends an event each second.
fn serve(config: Config) -> Served {
    let events = async || {
        let each_second = stream::unfold((), async |()| {
            sleep(SECOND).await;
            Some((Ok::<_, Infallible>(Event::default().data("tick")), ()))
        });
        Sse::new(each_second)
    };
    let router = Router::new()
        .route("/", get(async || "served"))
        .route("/echo", post(async |body: Bytes| body))
        .route("/events", get(events));
    let (entrance, listener) = listener();
    let (stop, stopped) = oneshot::channel();
    let signal = async { stopped.await.unwrap_or(()) };
    let serve = axum_fcgi::serve(listener, router).with_config(config).with_graceful_shutdown(signal);
    let task = tokio::spawn(serve.into_future());
    Served { entrance, stop: Some(stop), stopped_at: Instant::now(), task }
}

impl Served {
    /// Runs everything that is ready, and then gives the signal.
    async fn stop(&mut self) {
        sleep(SECOND / 100).await;
        self.stop.take().unwrap().send(()).unwrap();
        self.stopped_at = Instant::now();
    }

    /// Seconds from the signal to the end.
    async fn took(self) -> u64 {
        self.task.await.unwrap().unwrap();
        self.stopped_at.elapsed().as_secs()
    }
}

/// A request with half of its body, and the other half.
fn in_halves(keep_conn: bool) -> [Vec<u8>; 2] {
    let params = [("REQUEST_METHOD", "POST"), ("REQUEST_URI", "/echo"), ("CONTENT_LENGTH", "8")];
    let mut first = wire::head(&params, keep_conn);
    first.write_stream(RecordType::STDIN, wire::ID, b"half");
    let mut second = fcgi_core::RecordEncoder::new();
    second.write_stream(RecordType::STDIN, wire::ID, b"more");
    second.write_stream_end(RecordType::STDIN, wire::ID);
    [wire::bytes(&first), wire::bytes(&second)]
}

async fn is_closed(io: &mut DuplexStream) -> bool {
    io.read(&mut [0; 1]).await.unwrap() == 0
}

#[tokio::test(start_paused = true)]
async fn shutdown_receives_a_partial_body_and_responds() {
    for keep_conn in [true, false] {
        let mut served = serve(Config::default());
        let mut io = served.entrance.connect();
        let [first, second] = in_halves(keep_conn);
        io.write_all(&first).await.unwrap();
        served.stop().await;
        sleep(20 * SECOND).await;
        assert!(!served.task.is_finished());
        assert!(wire::ask(&mut io, &second).await.unwrap().ends_with("halfmore"));
        assert!(is_closed(&mut io).await);
        assert_eq!(served.took().await, 20, "the shutdown must end here");
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_receives_partial_params_and_responds() {
    let request = wire::get("/", true);
    for at in 1..request.len() {
        let mut served = serve(Config::default());
        let mut io = served.entrance.connect();
        io.write_all(&request[..at]).await.unwrap();
        served.stop().await;
        sleep(20 * SECOND).await;
        if at >= request.len() - RecordHeader::LEN {
            // Only the end of its STDIN was missing: it got its response early, and the shutdown no longer
            // waits for it.
            assert!(wire::read_response(&mut io).await.unwrap().ends_with("served"), "cut at {at}");
            assert!(is_closed(&mut io).await);
            assert!(served.took().await <= 20);
            continue;
        }
        assert!(wire::ask(&mut io, &request[at..]).await.unwrap().ends_with("served"), "cut at {at}");
        assert!(is_closed(&mut io).await);
        assert_eq!(served.took().await, 20, "cut at {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_body_delays_shutdown_by_a_second() {
    for keep_conn in [true, false] {
        for idle in [0, 10] {
            let mut served = serve(Config::default());
            let mut io = served.entrance.connect();
            let request = wire::get("/", keep_conn);
            let response = wire::ask(&mut io, &request[..request.len() - RecordHeader::LEN]).await.unwrap();
            assert!(response.ends_with("served"));
            sleep(idle * SECOND).await;
            served.stop().await;
            let stopped_at = served.stopped_at;
            served.task.await.unwrap().unwrap();
            let took = stopped_at.elapsed();
            assert!(took <= SECOND && (idle == 0 || took < SECOND / 10), "{took:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_aborts_endless_events_at_the_deadline() {
    for (config, limit) in [
        (Config::default(), 30),
        (Config::default().with_shutdown_timeout(5 * SECOND), 5),
        (Config::default().with_shutdown_timeout(Duration::ZERO), 0),
    ] {
        let mut served = serve(config);
        let mut io = served.entrance.connect();
        io.write_all(&wire::get("/events", true)).await.unwrap();
        served.stop().await;
        assert_eq!(served.took().await, limit);
        let mut all = Vec::new();
        io.read_to_end(&mut all).await.unwrap();
        let ticks = all.windows(4).filter(|window| window == b"tick").count();
        // The last one may or may not come at the moment of the deadline.
        let limit = usize::try_from(limit).unwrap();
        assert!((limit.saturating_sub(1)..=limit).contains(&ticks), "{ticks} in {limit} s");
        assert!(wire::read_response(&mut &all[..]).await.is_err(), "no END_REQUEST must come");
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_aborts_an_endless_body_at_the_deadline() {
    let mut served = serve(Config::default());
    let mut io = served.entrance.connect();
    io.write_all(&in_halves(true)[0]).await.unwrap();
    served.stop().await;
    assert_eq!(served.took().await, 30);
    assert!(wire::read_response(&mut io).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn shutdown_closes_idle_connections_beside_a_busy_one() {
    let mut served = serve(Config::default());
    let mut kept = Vec::new();
    for _ in 0..10 {
        let mut io = served.entrance.connect();
        assert!(wire::ask(&mut io, &wire::get("/", true)).await.unwrap().ends_with("served"));
        kept.push(io);
    }
    let mut busy = served.entrance.connect();
    let [first, second] = in_halves(true);
    busy.write_all(&first).await.unwrap();
    served.stop().await;
    for io in &mut kept {
        assert!(is_closed(io).await);
    }
    assert!(served.stopped_at.elapsed() < SECOND / 100, "{:?}", served.stopped_at.elapsed());
    assert!(wire::ask(&mut busy, &second).await.unwrap().ends_with("halfmore"));
    assert_eq!(served.took().await, 0);
}
