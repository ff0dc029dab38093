//! The numbers of `Stats`. Each test compares all counters, so that none counts what it should not.

mod bytes;
mod connections;
mod failures;
mod gauges;
mod listing;
mod requests;
#[cfg(feature = "serde")]
mod serialized;
mod threads;
mod times;

use std::time::Duration;

use http::{Request, Response};
use tokio::time::sleep;
use tower_fcgi::stats::{Histogram, Traffic};
use tower_fcgi::{Builder, Config, FcgiService, OnUpgrade, RequestBody, Snapshot, Stats};

use crate::handlers::{Reply, boxed};
use crate::web_server::{WebServer, serve_with};

/// A connection that is counted.
fn counted<S: FcgiService>(config: Config, service: S) -> (WebServer, Stats) {
    let stats = Stats::new();
    let builder = Builder::new().with_config(config).with_stats(stats.clone());
    (serve_with(builder, service), stats)
}

/// Checks the counters and gauges of connections and requests: all that `set` does not set are 0.
#[track_caller]
fn assert_counts(stats: &Stats, set: impl FnOnce(&mut Snapshot)) {
    let mut expected = Snapshot::default();
    set(&mut expected);
    let mut counts = stats.snapshot();
    counts.started_at = expected.started_at;
    counts.uptime = expected.uptime;
    counts.bytes = Traffic::default();
    let requests = &mut counts.requests;
    for histogram in [
        &mut requests.time_to_head,
        &mut requests.total_time,
        &mut requests.readiness_wait,
        &mut counts.connections.accept_wait,
    ] {
        *histogram = Histogram::default();
    }
    assert_eq!(counts, expected);
}

/// A connection is open, has no request in flight, and had one after another.
fn one_idle(expected: &mut Snapshot) {
    expected.connections.accepted = 1;
    (expected.connections.open.current, expected.connections.open.max) = (1, 1);
    (expected.connections.idle.current, expected.connections.idle.max) = (1, 1);
    expected.requests.in_flight.max = 1;
}

/// A connection was closed after one request that was in flight.
fn one_closed(expected: &mut Snapshot) {
    expected.connections.accepted = 1;
    expected.connections.open.max = 1;
    expected.requests.in_flight.max = 1;
    expected.requests.begun = 1;
}

/// The variables of a request that asks for an upgrade, which lighttpd carries.
const ASKS_FOR_UPGRADE: [(&str, &str); 4] = [
    ("SERVER_SOFTWARE", "lighttpd/1.4.79"),
    ("HTTP_CONNECTION", "Upgrade"),
    ("HTTP_UPGRADE", "echo"),
    ("CONTENT_LENGTH", "0"),
];

/// Upgrades, and keeps the stream for this time.
async fn upgrade(mut request: Request<RequestBody>, time: Duration) -> Reply {
    let upgrade = request.extensions_mut().remove::<OnUpgrade>().expect("an upgradable request");
    tokio::spawn(async move {
        if let Ok(stream) = upgrade.await {
            sleep(time).await;
            drop(stream);
        }
    });
    let response = Response::builder().status(101).header("connection", "upgrade").header("upgrade", "echo");
    response.body(boxed(String::new())).unwrap()
}
