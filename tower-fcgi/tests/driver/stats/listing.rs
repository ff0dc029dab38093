//! The list of connections and requests in flight.

use std::time::Duration;

use http::Response;
use tokio::time::sleep;
use tower_fcgi::stats::{ConnectionInfo, ConnectionState, RequestInfo, RequestState};
use tower_fcgi::{Builder, Stats};

use crate::handlers::{Gate, boxed, echo, handler};
use crate::records::{KEEP, end_stdin, get, head, post, stdin};
use crate::reserving::Reserving;
use crate::scripted::{Scripted, Step, data};
use crate::web_server::serve_with;

const SECOND: Duration = Duration::from_secs(1);

fn only(stats: &Stats) -> ConnectionInfo {
    let [connection] = <[_; 1]>::try_from(stats.connections()).unwrap();
    connection
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_listed_from_its_begin_to_its_end() {
    let stats = Stats::new();
    let builder = Builder::new().with_stats(stats.clone());
    let mut web_server = serve_with(builder, handler(echo));
    sleep(SECOND).await;
    let connection = only(&stats);
    assert_eq!((connection.id, connection.state, connection.age), (1, ConnectionState::New, SECOND));
    assert_eq!((connection.idle, connection.requests), (None, 0));
    assert_eq!(connection.peer.as_deref(), Some("192.0.2.9:4711"));
    let request = get(1, KEEP, "/");
    web_server.say(request.clone()).await;
    sleep(2 * SECOND).await;
    let connection = only(&stats);
    let milli = Duration::from_millis(1);
    assert_eq!((connection.state, connection.age), (ConnectionState::Idle, 3 * SECOND + milli));
    assert_eq!((connection.idle, connection.requests), (Some(2 * SECOND + milli), 1));
    let sent = web_server.wire.lock().output.len() as u64;
    assert_eq!((connection.received, connection.sent), (request.len() as u64, sent));
    assert_eq!(connection.in_flight, []);
    web_server.end();
    web_server.ended().await.unwrap();
    assert_eq!(stats.connections(), []);
}

#[tokio::test(start_paused = true)]
async fn the_peer_is_listed() {
    let stats = Stats::new();
    let (_web_server, io) = tokio::io::duplex(64);
    let connection = Builder::new().with_stats(stats.clone()).serve_connection(io, handler(echo));
    let _connection = connection.peer(&std::net::Ipv4Addr::LOCALHOST);
    assert_eq!(only(&stats).peer.as_deref(), Some("127.0.0.1"));
}

#[tokio::test(start_paused = true)]
async fn requests_in_flight_are_listed_with_their_state() {
    let gate = Gate::new();
    let held = gate.clone();
    let stats = Stats::new();
    let service = handler(move |request| {
        let (gate, steps) = (held.clone(), vec![data("12345"), Step::Wait(held.clone())]);
        async move {
            gate.pass().await;
            drop(request);
            Response::new(boxed(Scripted::new(steps)))
        }
    });
    let web_server = serve_with(Builder::new().with_stats(stats.clone()), service);
    let long = format!("/{}", "x".repeat(300));
    web_server.say(post(1, KEEP, &long, 10)).await;
    sleep(SECOND - Duration::from_millis(1)).await;
    // Runs in a task.
    web_server.say([head(2, KEEP, "PROPFIND", "/second?q=1", &[]), end_stdin(2)].concat()).await;
    web_server.say(stdin(1, b"12345")).await;
    let connection = only(&stats);
    assert_eq!((connection.state, connection.requests), (ConnectionState::Active, 2));
    let [first, second] = <[RequestInfo; 2]>::try_from(connection.in_flight).unwrap();
    assert_eq!((first.method.as_str(), first.target.as_str()), ("POST", &long[..200]));
    assert_eq!((second.method.as_str(), second.target.as_str()), ("PROPFIND", "/second?q=1"));
    assert_eq!(second.age, Duration::from_millis(2));
    assert_eq!(first.age, SECOND + second.age);
    assert_eq!((first.received, first.sent, first.state), (5, 0, RequestState::Handler));
    assert_eq!((second.received, second.sent, second.state), (0, 0, RequestState::Handler));
    gate.open(2);
    web_server.quiet().await;
    let requests = only(&stats).in_flight;
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert_eq!(request.state, RequestState::Response);
        assert_eq!(request.sent, web_server.answers().of(2).stdout.len() as u64, "{request:?}");
    }
    gate.open(2);
    web_server.say(end_stdin(1)).await;
    assert_eq!(only(&stats).in_flight, []);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_for_the_service_is_listed() {
    let service = Reserving::new();
    let stats = Stats::new();
    let web_server = serve_with(Builder::new().with_stats(stats.clone()), service.clone());
    web_server.say(get(1, KEEP, "/held")).await;
    assert_eq!(only(&stats).in_flight[0].state, RequestState::Waiting);
    service.set(|shared| shared.free = 1);
    web_server.quiet().await;
    assert_eq!(only(&stats).in_flight[0].state, RequestState::Handler);
}

/// The list is made while the handler's thread is blocked: the handler makes it.
#[tokio::test(start_paused = true)]
async fn a_handler_that_blocks_its_thread_is_listed() {
    let stats = Stats::new();
    let seen = stats.clone();
    let (sender, mut received) = tokio::sync::mpsc::unbounded_channel();
    let service = handler(move |request| {
        sender.send((seen.connections(), seen.snapshot().requests.in_flight)).unwrap();
        echo(request)
    });
    let web_server = serve_with(Builder::new().with_stats(stats), service);
    web_server.say([head(1, KEEP, "GET", "/stuck", &[]), end_stdin(1)].concat()).await;
    let (connections, in_flight) = received.recv().await.unwrap();
    assert_eq!((in_flight.current, in_flight.max), (1, 1));
    assert_eq!(connections[0].state, ConnectionState::Active);
    assert_eq!(connections[0].in_flight[0].target, "/stuck");
}
