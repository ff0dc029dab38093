//! Requests whose callers leave before the response.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fcgi_core::RecordType;
use http_body_util::{BodyExt as _, Channel};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tower::{Service as _, ServiceExt as _};
use tower_fcgi::client::{BodyInHand, Config, ErrorKind, Pool, PoolBuilder};

use crate::loopback::*;
use crate::scripted::{self, complete_response, end, stdout};

/// The records of a request: its body, and whether ABORT_REQUEST follows.
async fn received(app: &mut scripted::Application) -> (usize, bool) {
    let mut body = 0;
    loop {
        match app.record().await {
            Some((RecordType::STDIN, content)) if content.is_empty() => break,
            Some((RecordType::STDIN, content)) => body += content.len(),
            Some((RecordType::ABORT_REQUEST, _)) => return (body, true),
            Some(_) => {}
            None => return (body, false),
        }
    }
    (body, app.record().await.is_some_and(|(kind, _)| kind == RecordType::ABORT_REQUEST))
}

#[tokio::test(start_paused = true)]
async fn a_request_in_hand_is_sent_whole() {
    // More than the transport and the write buffer hold.
    for len in [0, 1, 100_000, 5_000_000] {
        let (mut sender, web_server, mut app) = scripted::connect(kept());
        let response = sender.call(post("/", full(vec![b'x'; len])));
        drop(response);
        let start = Instant::now();
        assert_eq!(received(&mut app).await, (len, true), "aborted only after it was sent");
        assert_eq!(start.elapsed(), Duration::ZERO);
        app.send([stdout("\r\nunread"), end()].concat()).await;
        web_server.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_in_hand_is_aborted() {
    for declared in [None, Some("10")] {
        let (mut sender, web_server, mut app) = scripted::connect(kept());
        let (mut body, channel) = Channel::<Bytes, io::Error>::new(1);
        let mut request = post("/", channel.boxed_unsync());
        if let Some(length) = declared {
            request.headers_mut().insert("content-length", length.parse().unwrap());
        }
        let response = sender.call(request);
        body.send_data(Bytes::from_static(b"abc")).await.unwrap();
        drop(response);
        let mut kinds = Vec::new();
        while let Some((kind, content)) = app.record().await {
            assert!(kind != RecordType::STDIN || !content.is_empty(), "the body must not end");
            kinds.push(kind);
        }
        assert_eq!(kinds.last(), Some(&RecordType::ABORT_REQUEST));
        web_server.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_in_hand_may_be_pending() {
    let (mut sender, web_server, mut app) = scripted::connect(kept());
    let (mut body, channel) = Channel::<Bytes, io::Error>::new(1);
    let mut request = post("/", channel.boxed_unsync());
    request.headers_mut().insert("content-length", 6.into());
    request.extensions_mut().insert(BodyInHand);
    drop(sender.call(request));
    tokio::spawn(async move {
        for _ in 0..2 {
            sleep(Duration::from_secs(1)).await;
            body.send_data(Bytes::from_static(b"abc")).await.unwrap();
        }
    });
    assert_eq!(received(&mut app).await, (6, true), "aborted only after it was sent");
    app.send([stdout("\r\nunread"), end()].concat()).await;
    web_server.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_application_that_reads_nothing_is_left() {
    let (mut sender, web_server, app) = scripted::connect(kept());
    drop(sender.call(post("/", full(vec![b'x'; 5_000_000]))));
    let start = Instant::now();
    web_server.await.unwrap().unwrap();
    assert_eq!(start.elapsed().as_secs(), 60 + 1, "the timeouts for sending and for the abort");
    drop(app);
}

#[tokio::test(start_paused = true)]
async fn an_application_may_finish_an_abandoned_request() {
    let config = kept().with_finish_abandoned(Duration::from_secs(100));
    for begun in [false, true] {
        let (mut sender, web_server, mut app) = scripted::connect(config.clone());
        let response = sender.call(get("/"));
        app.request().await;
        if begun {
            app.send(stdout("\r\nbegun")).await;
            drop(response.await.unwrap());
        } else {
            drop(response);
        }
        sleep(Duration::from_secs(99)).await;
        // More than the window: it is dropped.
        app.send([stdout([b'x'; 60_000]).repeat(10), end()].concat()).await;
        let response = sender.ready().await.unwrap().call(get("/"));
        assert_eq!(app.record().await.unwrap().0, RecordType::BEGIN_REQUEST, "not ABORT_REQUEST");
        app.request().await;
        app.send(complete_response("second")).await;
        assert_eq!(text(response.await.unwrap().into_body()).await.unwrap(), "second");
        drop(sender);
        web_server.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_request_is_busy_until_its_limit() {
    let config = kept().with_finish_abandoned(Duration::from_secs(100));
    let (mut sender, web_server, mut app) = scripted::connect(config);
    drop(sender.call(get("/")));
    app.request().await;
    let start = Instant::now();
    assert_eq!(sender.ready().await.unwrap_err().kind(), ErrorKind::Closed);
    web_server.await.unwrap().unwrap();
    assert_eq!(start.elapsed().as_secs(), 101);
}

type Connecting = Pin<Box<dyn Future<Output = io::Result<DuplexStream>> + Send>>;

/// A pool with one connection at a time, each of which takes a second to be made.
fn slow_pool() -> (PoolBuilder<impl Fn() -> Connecting>, mpsc::UnboundedReceiver<DuplexStream>) {
    let (connected, connections) = mpsc::unbounded_channel();
    let connected = Arc::new(connected);
    let builder = Pool::builder(move || {
        let connected = Arc::clone(&connected);
        let connecting = async move {
            sleep(Duration::from_secs(1)).await;
            let (ours, theirs) = tokio::io::duplex(1 << 16);
            connected.send(theirs).map_err(|_| io::ErrorKind::ConnectionRefused)?;
            Ok(ours)
        };
        Box::pin(connecting) as _
    });
    (builder.max_size(1), connections)
}

const BRIEFLY: Duration = Duration::from_millis(500);

#[tokio::test(start_paused = true)]
async fn a_request_is_sent_although_its_caller_left_early() {
    for config in [Config::default(), kept()] {
        let (builder, mut connections) = slow_pool();
        let pool = builder.config(config).build::<Body>();
        for len in [0, 1, 100_000] {
            let call = pool.clone().oneshot(post("/", full(vec![b'x'; len])));
            timeout(BRIEFLY, call).await.unwrap_err();
            let mut app = scripted::Application::new(connections.recv().await.unwrap());
            assert_eq!(received(&mut app).await, (len, true), "sent whole, and aborted only then");
            app.send([stdout("\r\nunread"), end()].concat()).await;
            drop(app);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_in_the_queue_is_dropped() {
    let (builder, mut connections) = slow_pool();
    let pool = builder.build::<Body>();
    let first = tokio::spawn(pool.clone().oneshot(get("/first")));
    let mut app = scripted::Application::new(connections.recv().await.unwrap());
    app.request().await;
    // It waits for the only permit, so it must never reach the application.
    timeout(BRIEFLY, pool.clone().oneshot(post("/dropped", full("body")))).await.unwrap_err();
    app.send(complete_response("first")).await;
    assert_eq!(text(first.await.unwrap().unwrap().into_body()).await.unwrap(), "first");
    drop(app);
    let last = tokio::spawn(pool.oneshot(post("/last", full("abc"))));
    let mut app = scripted::Application::new(connections.recv().await.unwrap());
    assert_eq!(app.record().await.unwrap().0, RecordType::BEGIN_REQUEST);
    let (_, params) = app.record().await.unwrap();
    assert!(params.windows(5).any(|name| name == b"/last"), "not the dropped one");
    app.request().await;
    app.send(complete_response("last")).await;
    assert_eq!(text(last.await.unwrap().unwrap().into_body()).await.unwrap(), "last");
    assert!(connections.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn an_endless_request_makes_no_connection() {
    let (builder, mut connections) = slow_pool();
    let pool = builder.build::<Body>();
    let (_body, channel) = Channel::<Bytes, io::Error>::new(1);
    let call = pool.clone().oneshot(post("/", channel.boxed_unsync()));
    timeout(BRIEFLY, call).await.unwrap_err();
    drop(pool);
    assert!(connections.recv().await.is_none(), "the connect was dropped");
}

#[tokio::test(start_paused = true)]
async fn a_connect_without_a_caller_times_out() {
    let pool = Pool::builder(std::future::pending::<io::Result<DuplexStream>>)
        .max_size(1)
        .connect_timeout(Duration::from_secs(5))
        .build::<Body>();
    timeout(BRIEFLY, pool.clone().oneshot(get("/"))).await.unwrap_err();
    let start = Instant::now();
    // It holds the only permit until then, and the next one has its own timeout.
    assert_eq!(pool.oneshot(get("/")).await.unwrap_err().kind(), ErrorKind::ConnectTimeout);
    assert_eq!(start.elapsed(), Duration::from_millis(4500 + 5000));
}

#[tokio::test(start_paused = true)]
async fn a_slow_upload_goes_on_without_its_caller() {
    let (mut sender, _web_server, mut app) = scripted::connect(kept());
    // Much more than the transport holds.
    let len = 2_000_000;
    drop(sender.call(post("/", full(vec![b'x'; len]))));
    let start = Instant::now();
    let mut body = 0;
    loop {
        match app.record().await {
            Some((RecordType::STDIN, content)) if content.is_empty() => break,
            Some((RecordType::STDIN, content)) => body += content.len(),
            Some((RecordType::ABORT_REQUEST, _)) | None => break,
            Some(_) => {}
        }
        sleep(Duration::from_secs(30)).await;
    }
    assert_eq!(body, len, "it was written all the time");
    assert!(start.elapsed() > Duration::from_secs(120));
}
