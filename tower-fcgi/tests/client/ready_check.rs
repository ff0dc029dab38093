//! Which connections are kept, for how long, and when they take the next request.

use bytes::Bytes;
use fcgi_core::{BeginRequest, RecordType};
use http_body_util::BodyExt as _;
use tokio::time::{Duration, Instant, sleep, timeout};
use tower::{Service as _, ServiceExt as _};
use tower_fcgi::client::{Config, ErrorKind, Pool, ResponseFuture};

use crate::loopback::*;
use crate::scripted::{self, Application, complete_response, record, values};

/// Sends the query right behind a request.
fn early() -> Config {
    Config::default().with_keep_conn(true).with_early_ready_check(true)
}

/// The reply of an application that has read all before it.
fn free() -> Vec<u8> {
    values(&[("FCGI_MPXS_CONNS", "0")])
}

/// Completes the response, and reads it.
async fn respond(app: &mut Application, response: ResponseFuture<Body>) {
    app.send(complete_response("1")).await;
    assert_eq!(text(response.await.unwrap().into_body()).await.unwrap(), "1");
}

async fn keeps(app: &mut Application) -> bool {
    let (kind, content) = app.record().await.unwrap();
    assert_eq!(kind, RecordType::BEGIN_REQUEST);
    BeginRequest::decode(content[..].try_into().unwrap()).keep_conn
}

#[tokio::test(start_paused = true)]
async fn connections_are_not_kept_by_default() {
    let several = Config::default().with_max_concurrent_requests(2);
    for (config, kept) in [
        (Config::default(), false),
        (Config::default().with_keep_conn(true), true),
        (several.clone(), true),
        (several.with_keep_conn(false), false),
    ] {
        assert_eq!(config.keep_conn(), kept);
        assert!(kept || config.max_concurrent_requests() == 1);
        let (mut sender, _web_server, mut app) = scripted::connect(config.clone());
        let _response = sender.call(get("/"));
        if config.max_concurrent_requests() > 1 {
            assert_eq!(app.record().await.unwrap().0, RecordType::GET_VALUES);
        }
        assert_eq!(keeps(&mut app).await, kept);
    }
}

#[tokio::test(start_paused = true)]
async fn a_kept_connection_waits_until_php_is_free() {
    let (mut sender, _web_server, mut app) = scripted::connect(Config::default().with_keep_conn(true));
    for number in 0..3 {
        let response = sender.ready().await.unwrap().call(get("/"));
        app.request().await;
        // As in `fastcgi_finish_request()`.
        app.send(complete_response(&number.to_string())).await;
        assert_eq!(text(response.await.unwrap().into_body()).await.unwrap(), number.to_string());
        assert_eq!(app.record().await.unwrap().0, RecordType::GET_VALUES);
        let next = tokio::spawn(async move { sender.ready().await.map(drop).map(|()| sender) });
        sleep(Duration::from_millis(90)).await;
        assert!(!next.is_finished(), "the script may still run");
        app.send(free()).await;
        sender = next.await.unwrap().unwrap();
    }
}

/// Whether the next record is a query. No other one follows for now.
async fn is_queried(app: &mut Application) -> bool {
    timeout(Duration::from_millis(10), app.record())
        .await
        .is_ok_and(|record| record.is_some_and(|(kind, _)| kind == RecordType::GET_VALUES))
}

#[tokio::test(start_paused = true)]
async fn a_query_follows_the_request_once_one_was_answered() {
    let (mut sender, web_server, mut app) = scripted::connect(early());
    let mut requests = [get("/"), post("/", full("body")), get("/")].into_iter();
    for is_first in [true, false, false] {
        let response = sender.ready().await.unwrap().call(requests.next().unwrap());
        app.request().await;
        assert_eq!(is_queried(&mut app).await, !is_first);
        app.send(complete_response("1")).await;
        assert_eq!(text(response.await.unwrap().into_body()).await.unwrap(), "1");
        assert_eq!(is_queried(&mut app).await, is_first);
        let next = tokio::spawn(async move { sender.ready().await.map(drop).map(|()| sender) });
        sleep(Duration::from_millis(50)).await;
        assert!(!next.is_finished(), "the script may still run");
        app.send(free()).await;
        sender = next.await.unwrap().unwrap();
    }
    // The time counts from the end of the response.
    let response = sender.call(get("/"));
    app.request().await;
    assert!(is_queried(&mut app).await);
    sleep(Duration::from_secs(60)).await;
    let start = Instant::now();
    respond(&mut app, response).await;
    web_server.await.unwrap().unwrap();
    assert_eq!(start.elapsed().as_millis(), 100);
}

#[tokio::test(start_paused = true)]
async fn by_default_no_query_is_sent_during_a_request() {
    let (mut sender, _web_server, mut app) = scripted::connect(Config::default().with_keep_conn(true));
    for _ in 0..3 {
        let response = sender.ready().await.unwrap().call(get("/"));
        app.request().await;
        assert!(!is_queried(&mut app).await);
        respond(&mut app, response).await;
        assert!(is_queried(&mut app).await);
        app.send(free()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_query_waits_for_the_end_of_the_upload() {
    let (mut sender, _web_server, mut app) = scripted::connect(early());
    let response = sender.call(get("/"));
    app.request().await;
    respond(&mut app, response).await;
    app.send(free()).await;
    assert_eq!(app.record().await.unwrap().0, RecordType::GET_VALUES);
    let (mut upload, body) = http_body_util::channel::Channel::new(1);
    let _response = sender.ready().await.unwrap().call(post("/", body.boxed_unsync()));
    app.read_to(RecordType::PARAMS).await;
    upload.send_data("body".into()).await.unwrap();
    assert_eq!(app.record().await.unwrap().0, RecordType::STDIN);
    assert!(timeout(Duration::from_secs(60), app.record()).await.is_err());
    drop(upload);
    assert_eq!(app.record().await.unwrap(), (RecordType::STDIN, Bytes::new()));
    assert_eq!(app.record().await.unwrap().0, RecordType::GET_VALUES);
}

#[tokio::test(start_paused = true)]
async fn a_reply_during_the_request_is_not_enough() {
    let (mut sender, _web_server, mut app) = scripted::connect(early());
    for number in 0..4 {
        let response = sender.ready().await.unwrap().call(get("/"));
        app.request().await;
        assert_eq!(is_queried(&mut app).await, number == 1);
        if number == 1 {
            app.send(free()).await;
        }
        respond(&mut app, response).await;
        let next = tokio::spawn(async move { sender.ready().await.map(drop).map(|()| sender) });
        assert!(is_queried(&mut app).await);
        assert!(!next.is_finished());
        app.send(free()).await;
        sender = next.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_application_that_multiplexes_gets_no_early_query() {
    let config = Config::default().with_max_concurrent_requests(8).with_early_ready_check(true);
    let (mut sender, _web_server, mut app) = scripted::connect(config);
    for is_first in [true, false] {
        let response = sender.ready().await.unwrap().call(get("/"));
        if is_first {
            assert_eq!(app.record().await.unwrap().0, RecordType::GET_VALUES);
            app.send(free()).await;
        }
        app.request().await;
        assert!(!is_queried(&mut app).await);
        respond(&mut app, response).await;
        assert!(is_queried(&mut app).await);
        app.send(free()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_to_an_earlier_query_is_not_enough() {
    let config = Config::default().with_max_concurrent_requests(8);
    let (mut sender, _web_server, mut app) = scripted::connect(config);
    let response = sender.call(get("/"));
    assert_eq!(app.record().await.unwrap().0, RecordType::GET_VALUES);
    app.request().await;
    respond(&mut app, response).await;
    assert_eq!(app.record().await.unwrap().0, RecordType::GET_VALUES);
    let next = tokio::spawn(async move { sender.ready().await.map(drop) });
    for is_last in [false, true] {
        sleep(Duration::from_millis(10)).await;
        assert!(!next.is_finished());
        app.send(free()).await;
        sleep(Duration::from_millis(1)).await;
        assert_eq!(next.is_finished(), is_last);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_free_in_time_closes() {
    let (mut sender, web_server, mut app) = scripted::connect(Config::default().with_keep_conn(true));
    let response = sender.call(get("/"));
    app.request().await;
    let start = Instant::now();
    app.send(complete_response("done")).await;
    text(response.await.unwrap().into_body()).await.unwrap();
    assert_eq!(sender.ready().await.unwrap_err().kind(), ErrorKind::Closed);
    web_server.await.unwrap().unwrap();
    assert_eq!(start.elapsed().as_millis(), 100);
}

#[tokio::test(start_paused = true)]
async fn an_unsupported_query_shows_it_too() {
    let (mut sender, _web_server, mut app) = scripted::connect(Config::default().with_keep_conn(true));
    let response = sender.call(get("/"));
    app.request().await;
    respond(&mut app, response).await;
    let unknown = record(RecordType::UNKNOWN_TYPE, &[RecordType::GET_VALUES.0, 0, 0, 0, 0, 0, 0, 0]);
    app.send(scripted::with_id(0, unknown)).await;
    sender.ready().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_closes_for_a_waiting_request() {
    for served_while_starved in [false, true] {
        let (connected, mut connections) = tokio::sync::mpsc::unbounded_channel();
        let pool = Pool::builder(move || {
            let (ours, theirs) = tokio::io::duplex(1 << 16);
            connected.send(theirs).unwrap();
            std::future::ready(std::io::Result::Ok(ours))
        });
        let config = Config::default().with_keep_conn(true).with_keep_alive_timeout(None);
        let pool = pool.config(config).build::<Body>();
        // The only worker has the first connection; the second one is in its backlog.
        let first = tokio::spawn(pool.clone().oneshot(get("/")));
        let mut served = Application::new(connections.recv().await.unwrap());
        served.request().await;
        let second = tokio::spawn(pool.clone().oneshot(post("/", none())));
        let mut waiting = Application::new(connections.recv().await.unwrap());
        let start = Instant::now();
        if served_while_starved {
            sleep(Duration::from_millis(500)).await;
        }
        served.send(complete_response("1")).await;
        text(first.await.unwrap().unwrap().into_body()).await.unwrap();
        if !served_while_starved {
            assert_eq!(served.record().await.unwrap().0, RecordType::GET_VALUES);
            served.send(free()).await;
        }
        assert!(served.record().await.is_none(), "it is closed");
        assert_eq!(start.elapsed().as_millis(), if served_while_starved { 500 } else { 100 });
        waiting.request().await;
        waiting.send(complete_response("2")).await;
        text(second.await.unwrap().unwrap().into_body()).await.unwrap();
        // Nobody waits any more, so the next one is kept.
        let third = tokio::spawn(pool.oneshot(get("/")));
        let mut kept = Application::new(connections.recv().await.unwrap());
        kept.request().await;
        kept.send(complete_response("3")).await;
        text(third.await.unwrap().unwrap().into_body()).await.unwrap();
        assert_eq!(kept.record().await.unwrap().0, RecordType::GET_VALUES);
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_kept_connection_closes_after_1_s() {
    let config = Config::default().with_keep_conn(true).with_ready_check(false);
    let (mut sender, web_server, mut app) = scripted::connect(config);
    // Not before its first request.
    sleep(Duration::from_secs(60)).await;
    for _ in 0..2 {
        let response = sender.ready().await.unwrap().call(get("/"));
        app.request().await;
        app.send(complete_response("done")).await;
        text(response.await.unwrap().into_body()).await.unwrap();
        sleep(Duration::from_millis(900)).await;
    }
    let start = Instant::now();
    web_server.await.unwrap().unwrap();
    assert_eq!(start.elapsed().as_millis(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_check_ends_if_the_application_multiplexes() {
    let (mut sender, web_server, mut app) =
        scripted::connect(Config::default().with_max_concurrent_requests(8));
    let response = sender.call(get("/1"));
    assert_eq!(app.record().await.unwrap().0, RecordType::GET_VALUES);
    app.request().await;
    respond(&mut app, response).await;
    assert_eq!(app.record().await.unwrap().0, RecordType::GET_VALUES);
    // The reply to the probe. That to the check does not come.
    app.send(values(&[("FCGI_MPXS_CONNS", "1")])).await;
    let response = sender.ready().await.unwrap().call(get("/2"));
    app.request().await;
    sleep(Duration::from_secs(10)).await;
    app.send(scripted::with_id(1, complete_response("2"))).await;
    assert_eq!(text(response.await.unwrap().into_body()).await.unwrap(), "2");
    assert!(!web_server.is_finished());
}
