//! The numbers of a pool.

use std::future::ready;
use std::io;
use std::time::Duration;

use fcgi_core::ProtocolStatus;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tower::ServiceExt as _;
use tower_fcgi::client::{ErrorKind, Pool, PoolBuilder};
use tower_fcgi::stats::{Gauge, PoolSnapshot};

use crate::loopback::*;
use crate::scripted::{Application, complete_response, end_with};

type Connections = mpsc::UnboundedReceiver<DuplexStream>;
type Connect = std::future::Ready<io::Result<DuplexStream>>;

/// The builder of a pool that keeps up to two connections, and the other ends of these.
fn pool() -> (PoolBuilder<impl Fn() -> Connect>, Connections) {
    let (connected, connections) = mpsc::unbounded_channel();
    let builder = Pool::builder(move || {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let sent = connected.send(theirs);
        ready(sent.map(|()| ours).map_err(|_| io::ErrorKind::ConnectionRefused.into()))
    });
    (builder.max_size(2).config(kept()), connections)
}

/// Checks all numbers but the histogram: those that `set` does not set are 0.
#[track_caller]
fn assert_counts(mut counts: PoolSnapshot, set: impl FnOnce(&mut PoolSnapshot)) {
    let mut expected = PoolSnapshot::default();
    set(&mut expected);
    counts.wait = expected.wait.clone();
    assert_eq!(counts, expected);
}

fn gauge(gauge: &mut Gauge, current: u64, max: u64) {
    (gauge.current, gauge.max) = (current, max);
}

async fn next(connections: &mut Connections) -> Application {
    let mut application = Application::new(connections.recv().await.unwrap());
    application.request().await;
    application
}

#[tokio::test(start_paused = true)]
async fn connections_in_use_and_waits_are_counted() {
    let (builder, mut connections) = pool();
    let pool = builder.build::<Body>();
    assert_counts(pool.stats(), |_| {});
    let requests: Vec<_> = (0..4).map(|_| tokio::spawn(pool.clone().oneshot(get("/")))).collect();
    let mut applications = [next(&mut connections).await, next(&mut connections).await];
    assert_counts(pool.stats(), |expected| {
        gauge(&mut expected.in_use, 2, 2);
        gauge(&mut expected.waiting, 2, 2);
        (expected.requests, expected.connected) = (4, 2);
    });
    sleep(Duration::from_secs(3)).await;
    for application in &mut applications {
        application.send(complete_response("")).await;
        application.request().await;
    }
    let stats = pool.stats();
    assert_eq!((stats.wait.count, stats.wait.sum), (2, Duration::from_secs(6)));
    for application in &mut applications {
        application.send(complete_response("")).await;
    }
    for request in requests {
        text(request.await.unwrap().unwrap().into_body()).await.unwrap();
    }
    sleep(Duration::from_millis(1)).await;
    assert_counts(pool.stats(), |expected| {
        gauge(&mut expected.in_use, 0, 2);
        gauge(&mut expected.waiting, 0, 2);
        gauge(&mut expected.idle, 2, 2);
        (expected.requests, expected.connected) = (4, 2);
    });
    drop(applications);
    sleep(Duration::from_millis(1)).await;
    assert_eq!((pool.stats().idle.current, pool.stats().in_use.current), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_gives_up_has_waited() {
    let (builder, mut connections) = pool();
    let pool = builder.max_size(1).acquire_timeout(Duration::from_secs(2)).build::<Body>();
    let _first = tokio::spawn(pool.clone().oneshot(get("/")));
    let _application = next(&mut connections).await;
    assert_eq!(pool.clone().oneshot(get("/")).await.unwrap_err().kind(), ErrorKind::AcquireTimeout);
    let stats = pool.stats();
    assert_eq!((stats.wait.count, stats.wait.sum), (1, Duration::from_secs(2)));
    assert_eq!((stats.waiting.current, stats.waiting.max), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn failed_connects_are_counted() {
    let (builder, connections) = pool();
    drop(connections);
    let pool = builder.restart_grace(Duration::ZERO).build::<Body>();
    for _ in 0..3 {
        assert!(pool.clone().oneshot(get("/")).await.unwrap_err().is_connect());
    }
    let never = Pool::builder(std::future::pending::<io::Result<DuplexStream>>).build::<Body>();
    assert_eq!(never.clone().oneshot(get("/")).await.unwrap_err().kind(), ErrorKind::ConnectTimeout);
    for (pool, failures) in [(pool.stats(), 3), (never.stats(), 1)] {
        assert_counts(pool, |expected| {
            gauge(&mut expected.in_use, 0, 1);
            (expected.requests, expected.connect_failures) = (failures, failures);
        });
    }
}

#[tokio::test(start_paused = true)]
async fn retries_and_refusals_are_counted() {
    let (builder, mut connections) = pool();
    let pool = builder.build::<Body>();
    let first = tokio::spawn(pool.clone().oneshot(get("/")));
    let mut application = next(&mut connections).await;
    application.send(complete_response("first")).await;
    text(first.await.unwrap().unwrap().into_body()).await.unwrap();
    sleep(Duration::from_millis(1)).await;
    let second = tokio::spawn(pool.clone().oneshot(get("/")));
    application.request().await;
    drop(application);
    let mut application = next(&mut connections).await;
    application.send(end_with(ProtocolStatus::OVERLOADED)).await;
    let error = second.await.unwrap().unwrap_err();
    assert_eq!(error.protocol_status(), Some(ProtocolStatus::OVERLOADED));
    sleep(Duration::from_millis(1)).await;
    assert_counts(pool.stats(), |expected| {
        gauge(&mut expected.in_use, 0, 1);
        gauge(&mut expected.idle, 1, 1);
        (expected.requests, expected.retries, expected.refused, expected.connected) = (2, 1, 1, 2);
    });
}
