//! Connects that fail and are repeated.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::DuplexStream;
use tokio::time::{Duration, Instant, sleep};
use tower::ServiceExt as _;
use tower_fcgi::client::{ErrorKind, Pool, PoolBuilder};
use tower_fcgi::{Connection, RequestBody};

use crate::loopback::*;

/// Each connect fails with an error, until the application is up. Counts the connects.
pub(crate) struct Flaky {
    kind: io::ErrorKind,
    up: AtomicBool,
    pub(crate) connects: AtomicUsize,
}

impl Flaky {
    pub(crate) fn new(kind: io::ErrorKind) -> Arc<Self> {
        Arc::new(Self { kind, up: AtomicBool::new(false), connects: AtomicUsize::new(0) })
    }

    pub(crate) fn set_up(&self, up: bool) {
        self.up.store(up, Ordering::Relaxed);
    }

    /// Connects to an application that responds with its `name`.
    pub(crate) fn connect(&self, name: &'static str) -> io::Result<DuplexStream> {
        self.connects.fetch_add(1, Ordering::Relaxed);
        if !self.up.load(Ordering::Relaxed) {
            return Err(self.kind.into());
        }
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let service = tower::service_fn(async move |_: http::Request<RequestBody>| {
            Ok::<_, std::convert::Infallible>(http::Response::new(name.to_owned()))
        });
        tokio::spawn(Connection::new(theirs, service));
        Ok(ours)
    }
}

fn builder(
    flaky: &Arc<Flaky>,
) -> PoolBuilder<impl Fn() -> std::future::Ready<io::Result<DuplexStream>> + use<>> {
    let flaky = Arc::clone(flaky);
    Pool::builder(move || std::future::ready(flaky.connect("here")))
}

#[tokio::test(start_paused = true)]
async fn a_full_backlog_is_tried_again_until_the_timeout() {
    let flaky = Flaky::new(io::ErrorKind::WouldBlock);
    let pool = builder(&flaky).build();
    let start = Instant::now();
    let error = pool.clone().oneshot(get("/")).await.unwrap_err();
    assert!(error.kind() == ErrorKind::ConnectTimeout && error.is_connect(), "{error}");
    assert_eq!(start.elapsed().as_secs(), 5);
    assert!((100..110).contains(&flaky.connects.load(Ordering::Relaxed)), "pauses grow to 50 ms");
    let request = tokio::spawn(pool.oneshot(post("/", full("body"))));
    sleep(Duration::from_secs(4)).await;
    flaky.set_up(true);
    assert_eq!(text(request.await.unwrap().unwrap().into_body()).await.unwrap(), "here");
}

#[tokio::test(start_paused = true)]
async fn a_restart_fails_no_request_for_a_second() {
    for kind in [io::ErrorKind::ConnectionRefused, io::ErrorKind::NotFound] {
        let flaky = Flaky::new(kind);
        let pool = builder(&flaky).build();
        for _ in 0..2 {
            let first = tokio::spawn(pool.clone().oneshot(get("/")));
            sleep(Duration::from_millis(900)).await;
            let second = tokio::spawn(pool.clone().oneshot(post("/", full("body"))));
            flaky.set_up(true);
            for request in [first, second] {
                assert_eq!(text(request.await.unwrap().unwrap().into_body()).await.unwrap(), "here");
            }
            flaky.set_up(false);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_application_fails_at_once_after_a_second() {
    let flaky = Flaky::new(io::ErrorKind::ConnectionRefused);
    let pool = builder(&flaky).build();
    let start = Instant::now();
    let error = pool.clone().oneshot(get("/")).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Connect && error.is_connect(), "{error}");
    assert_eq!(start.elapsed().as_secs(), 1);
    let (start, before) = (Instant::now(), flaky.connects.load(Ordering::Relaxed));
    pool.clone().oneshot(get("/")).await.unwrap_err();
    assert_eq!(flaky.connects.load(Ordering::Relaxed), before + 1);
    let without = builder(&flaky).restart_grace(Duration::ZERO).build();
    without.oneshot(get("/")).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn other_failures_are_not_repeated() {
    let flaky = Flaky::new(io::ErrorKind::PermissionDenied);
    builder(&flaky).build().oneshot(get("/")).await.unwrap_err();
    assert_eq!(flaky.connects.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn unkept_connections_are_bounded_too() {
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, peak) = (Arc::clone(&open), Arc::clone(&most));
    let pool = Pool::builder(move || {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        peak.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        let now = Arc::clone(&now);
        tokio::spawn(async move {
            let service = tower::service_fn(async |_: http::Request<RequestBody>| {
                sleep(Duration::from_secs(1)).await;
                Ok::<_, std::convert::Infallible>(http::Response::new(String::new()))
            });
            Connection::new(theirs, service).await.unwrap();
            now.fetch_sub(1, Ordering::Relaxed);
        });
        std::future::ready(Ok(ours))
    });
    let pool = pool.max_size(3).build::<Body>();
    let start = Instant::now();
    let requests: Vec<_> = (0..12).map(|_| tokio::spawn(pool.clone().oneshot(get("/")))).collect();
    for request in requests {
        text(request.await.unwrap().unwrap().into_body()).await.unwrap();
    }
    assert_eq!((start.elapsed().as_secs(), most.load(Ordering::Relaxed)), (4, 3));
}

#[tokio::test(start_paused = true)]
async fn requests_repeat_a_connect_in_order() {
    let flaky = Flaky::new(io::ErrorKind::WouldBlock);
    let pool = builder(&flaky).build();
    let (done, mut order) = tokio::sync::mpsc::unbounded_channel();
    for number in 0..20 {
        let (sent, done) = (pool.clone().oneshot(get("/")), done.clone());
        tokio::spawn(async move {
            sent.await.unwrap();
            done.send(number).unwrap();
        });
        if number == 18 {
            sleep(Duration::from_secs(4)).await;
            flaky.set_up(true);
        }
    }
    for number in 0..20 {
        assert_eq!(order.recv().await, Some(number), "a new request overtakes none");
    }
}
