//! Who closed a connection, and why.

use std::time::Duration;

use tokio::time::sleep;
use tower_fcgi::{Config, Snapshot, Stats};

use super::{ASKS_FOR_UPGRADE, assert_counts, counted, one_closed, upgrade};
use crate::handlers::{Gate, boxed, echo, full, handler};
use crate::records::{CLOSE, KEEP, begin, get, head, post, stdin};
use crate::scripted::{Scripted, Step, data};
use crate::web_server::WebServer;

const SECOND: Duration = Duration::from_secs(1);

/// Checks a connection that was closed after one complete request: `idle` if it was kept meanwhile.
#[track_caller]
fn assert_closed(stats: &Stats, idle: u64, set: impl FnOnce(&mut Snapshot)) {
    assert_counts(stats, |expected| {
        one_closed(expected);
        expected.requests.completed = 1;
        expected.connections.idle.max = idle;
        set(expected);
        assert_eq!(expected.connections.closed.total(), 1);
    });
}

/// A connection that has answered a request and is kept.
async fn kept(config: Config) -> (WebServer, Stats) {
    let (web_server, stats) = counted(config, handler(echo));
    web_server.ask(1, get(1, KEEP, "/")).await;
    (web_server, stats)
}

#[tokio::test(start_paused = true)]
async fn a_clean_close_is_the_web_servers() {
    let (mut web_server, stats) = kept(Config::default()).await;
    web_server.end();
    web_server.ended().await.unwrap();
    assert_closed(&stats, 1, |expected| expected.connections.closed.web_server = 1);
}

#[tokio::test(start_paused = true)]
async fn an_unkept_connection_is_closed_for_that() {
    let (mut web_server, stats) = counted(Config::default(), handler(echo));
    web_server.say(get(1, CLOSE, "/")).await;
    web_server.ended().await.unwrap();
    assert_closed(&stats, 0, |expected| expected.connections.closed.not_kept = 1);
}

#[tokio::test(start_paused = true)]
async fn the_keep_alive_timeout_is_a_reason() {
    let (mut web_server, stats) = kept(Config::default().with_keep_alive_timeout(SECOND)).await;
    web_server.ended().await.unwrap();
    assert_closed(&stats, 1, |expected| expected.connections.closed.keep_alive_timeout = 1);
}

#[tokio::test(start_paused = true)]
async fn commands_of_the_handle_are_reasons() {
    let (mut web_server, stats) = kept(Config::default()).await;
    web_server.handle.close_if_idle();
    web_server.ended().await.unwrap();
    assert_closed(&stats, 1, |expected| expected.connections.closed.evicted = 1);

    let (mut web_server, stats) = kept(Config::default()).await;
    web_server.handle.graceful_shutdown();
    web_server.ended().await.unwrap();
    assert_closed(&stats, 1, |expected| expected.connections.closed.shutdown = 1);

    let (mut web_server, stats) = kept(Config::default()).await;
    web_server.handle.abort();
    web_server.ended().await.unwrap_err();
    assert_closed(&stats, 1, |expected| expected.connections.closed.aborted = 1);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_connection_is_counted() {
    let (mut web_server, stats) = kept(Config::default()).await;
    web_server.drop_connection().await;
    assert_closed(&stats, 1, |expected| expected.connections.closed.dropped = 1);
}

#[tokio::test(start_paused = true)]
async fn failures_of_the_peer_are_told_apart() {
    let (mut web_server, stats) = kept(Config::default()).await;
    web_server.send(begin(1, KEEP)[..5].to_vec());
    web_server.end();
    web_server.ended().await.unwrap_err();
    assert_closed(&stats, 1, |expected| expected.connections.closed.web_server_truncated = 1);

    let (mut web_server, stats) = kept(Config::default()).await;
    web_server.send(b"GET / HTTP/1.1\r\n".to_vec());
    web_server.ended().await.unwrap_err();
    assert_closed(&stats, 1, |expected| expected.connections.closed.protocol_error = 1);

    let (mut web_server, stats) = kept(Config::default()).await;
    web_server.reset();
    web_server.ended().await.unwrap_err();
    assert_closed(&stats, 1, |expected| expected.connections.closed.io_error = 1);

    let (mut web_server, stats) = kept(Config::default()).await;
    web_server.send(begin(1, KEEP)[..5].to_vec());
    web_server.ended().await.unwrap_err();
    assert_closed(&stats, 1, |expected| expected.connections.closed.header_read_timeout = 1);
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_request_was_never_idle() {
    let (mut web_server, stats) = counted(Config::default(), handler(echo));
    web_server.quiet().await;
    web_server.end();
    web_server.ended().await.unwrap();
    assert_counts(&stats, |expected| {
        expected.connections.accepted = 1;
        expected.connections.open.max = 1;
        expected.connections.closed.web_server = 1;
    });
}

#[tokio::test(start_paused = true)]
async fn requests_end_with_their_connection() {
    let gate = Gate::new();
    let held = gate.clone();
    let waiting = move |_| {
        let gate = held.clone();
        async move {
            gate.pass().await;
            full("")
        }
    };
    for case in 0..4 {
        let (mut web_server, stats) = counted(Config::default(), handler(waiting.clone()));
        web_server.say(get(1, KEEP, "/")).await;
        match case {
            0 => web_server.end(),
            1 => web_server.reset(),
            2 => web_server.handle.abort(),
            _ => web_server.drop_connection().await,
        }
        if case < 3 {
            web_server.ended().await.unwrap_err();
        }
        assert_counts(&stats, |expected| {
            one_closed(expected);
            let (closed, aborted) = (&mut expected.connections.closed, &mut expected.requests.aborted);
            match case {
                0 => (closed.web_server_in_request, aborted.connection_lost) = (1, 1),
                1 => (closed.io_error, aborted.connection_lost) = (1, 1),
                2 => (closed.aborted, aborted.connection_aborted) = (1, 1),
                _ => (closed.dropped, aborted.dropped) = (1, 1),
            }
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_stalled_reader_is_a_write_timeout() {
    let config = Config::default().with_write_timeout(SECOND);
    let (mut web_server, stats) = counted(config, handler(async |_| full(vec![b'x'; 1000])));
    web_server.wire.make_room(0);
    web_server.say(get(1, KEEP, "/")).await;
    web_server.ended().await.unwrap_err();
    assert_closed(&stats, 0, |expected| expected.connections.closed.write_timeout = 1);
}

#[tokio::test(start_paused = true)]
async fn a_cut_off_response_closes_its_connection() {
    let gate = Gate::new();
    let held = gate.clone();
    let (mut web_server, stats) = counted(
        Config::default(),
        handler(move |_| {
            let steps = vec![data("some"), Step::Wait(held.clone()), Step::Error];
            async move { http::Response::new(boxed(Scripted::new(steps))) }
        }),
    );
    web_server.say(get(1, KEEP, "/")).await;
    gate.open(1);
    web_server.ended().await.unwrap_err();
    assert_counts(&stats, |expected| {
        one_closed(expected);
        expected.requests.cut_off = 1;
        expected.requests.failures.body_error = 1;
        expected.stderr.lines = 1;
        expected.connections.closed.incomplete_response = 1;
    });
}

#[tokio::test(start_paused = true)]
async fn too_much_input_after_a_response_is_a_reason() {
    let config = Config::default().with_linger_bytes(1000);
    let (mut web_server, stats) = counted(config, handler(async |_| full("")));
    web_server.say(post(1, KEEP, "/", 5000)).await;
    web_server.say(stdin(1, &[b'x'; 4000])).await;
    sleep(SECOND).await;
    web_server.end();
    let _ = web_server.ended().await;
    assert_closed(&stats, 1, |expected| expected.connections.closed.discard_limit = 1);
}

#[tokio::test(start_paused = true)]
async fn a_silent_upgrade_is_an_idle_timeout() {
    let config = Config::default().with_upgrade_idle_timeout(SECOND);
    let (mut web_server, stats) = counted(config, handler(|request| upgrade(request, 3600 * SECOND)));
    web_server.say(head(1, KEEP, "GET", "/", &ASKS_FOR_UPGRADE)).await;
    web_server.ended().await.unwrap_err();
    assert_counts(&stats, |expected| {
        one_closed(expected);
        expected.requests.upgraded.max = 1;
        expected.requests.aborted.connection_lost = 1;
        expected.connections.closed.upgrade_idle_timeout = 1;
    });
}
