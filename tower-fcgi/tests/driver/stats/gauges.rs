//! Gauges and their maxima.

use std::time::Duration;

use tokio::time::sleep;
use tower_fcgi::stats::Gauge;
use tower_fcgi::{Builder, Config, Stats};

use super::{ASKS_FOR_UPGRADE, counted, upgrade};
use crate::handlers::{Gate, echo, full, handler};
use crate::records::{KEEP, end_stdin, get, head, post, stdin};
use crate::web_server::serve_with;

fn gauge(gauge: Gauge) -> (u64, u64) {
    (gauge.current, gauge.max)
}

#[tokio::test(start_paused = true)]
async fn connections_are_added_up() {
    let stats = Stats::new();
    let builder = Builder::new().with_stats(stats.clone());
    let mut web_servers: Vec<_> = (0..3).map(|_| serve_with(builder.clone(), handler(echo))).collect();
    let gauges = || {
        let connections = stats.snapshot().connections;
        (gauge(connections.open), gauge(connections.idle))
    };
    assert_eq!(gauges(), ((3, 3), (0, 0)));
    web_servers[0].ask(1, get(1, KEEP, "/")).await;
    web_servers[1].ask(1, get(1, KEEP, "/")).await;
    assert_eq!(gauges(), ((3, 3), (2, 2)));
    web_servers[0].say(head(1, KEEP, "POST", "/", &[])).await;
    assert_eq!(gauges(), ((3, 3), (1, 2)));
    web_servers[1].end();
    web_servers[1].ended().await.unwrap();
    assert_eq!(gauges(), ((2, 3), (0, 2)));
}

#[tokio::test(start_paused = true)]
async fn upgraded_streams_are_in_flight() {
    let hour = Duration::from_secs(3600);
    let (web_server, stats) = counted(Config::default(), handler(move |request| upgrade(request, hour)));
    web_server.say(head(1, KEEP, "GET", "/", &ASKS_FOR_UPGRADE)).await;
    let requests = stats.snapshot().requests;
    assert_eq!((gauge(requests.upgraded), gauge(requests.in_flight)), ((1, 1), (1, 1)));
    assert_eq!(requests.time_to_head.count, 1);
    sleep(Duration::from_secs(3601)).await;
    web_server.say(end_stdin(1)).await;
    let requests = stats.snapshot().requests;
    assert_eq!((gauge(requests.upgraded), gauge(requests.in_flight)), ((0, 1), (0, 1)));
    assert_eq!((requests.completed, requests.total_time.count), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn unread_bodies_and_unwritten_responses_are_buffered() {
    let gate = Gate::new();
    let held = gate.clone();
    let (web_server, stats) = counted(
        Config::default(),
        handler(move |request| {
            let gate = held.clone();
            async move {
                gate.pass().await;
                echo(request).await;
                full(vec![b'x'; 1000])
            }
        }),
    );
    web_server.say(post(1, KEEP, "/", 300)).await;
    web_server.say(stdin(1, &[b'x'; 100])).await;
    web_server.say(stdin(1, &[b'x'; 200])).await;
    assert_eq!(gauge(stats.snapshot().bytes.buffered), (300, 300));
    web_server.wire.make_room(0);
    gate.open(1);
    web_server.say(end_stdin(1)).await;
    let waiting = gauge(stats.snapshot().bytes.buffered);
    assert!(waiting.0 > 1000 && waiting.0 == waiting.1, "{waiting:?}");
    web_server.wire.make_room(usize::MAX);
    web_server.quiet().await;
    assert_eq!(gauge(stats.snapshot().bytes.buffered), (0, waiting.1));
    assert_eq!(stats.snapshot().bytes.sent, waiting.0);
}
