//! Requests whose callers leave before the response.

use std::time::Duration;

use bytes::Bytes;
use fcgi_core::RecordType;
use http_body_util::{BodyExt as _, Channel};
use tokio::time::Instant;
use tower::{Service as _, ServiceExt as _};

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
        let (mut body, channel) = Channel::<Bytes, std::io::Error>::new(1);
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
        tokio::time::sleep(Duration::from_secs(99)).await;
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
    assert!(sender.ready().await.unwrap_err().is_closed());
    web_server.await.unwrap().unwrap();
    assert_eq!(start.elapsed().as_secs(), 101);
}
