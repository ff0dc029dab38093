//! Responses, as the caller sees them.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use fcgi_core::RecordType;
use http::StatusCode;
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};
use tower::{Service as _, ServiceExt as _};
use tower_fcgi::ReasonPhrase;
use tower_fcgi::client::{ErrorKind, LocalRedirect};

use crate::loopback::*;
use crate::scripted::{self, complete_response, end, record, stdout};

#[tokio::test(start_paused = true)]
async fn end_request_ends_a_response_without_empty_stdout() {
    let (mut sender, web_server, mut app) = scripted::connect(kept());
    for body in ["one", "two"] {
        let response = sender.ready().await.unwrap().call(get("/"));
        app.request().await;
        app.send(complete_response(body)).await;
        assert_eq!(text(response.await.unwrap().into_body()).await.unwrap(), body);
    }
    drop(sender);
    web_server.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_response_arrives_byte_by_byte() {
    let (mut sender, _web_server, mut app) = scripted::connect(kept());
    let response = sender.call(get("/"));
    app.request().await;
    let wire: Vec<u8> =
        b"Status: 404 No\r\nX: y\r\n\r\nbody".iter().flat_map(|byte| stdout([*byte])).collect();
    for byte in [wire, end()].concat() {
        app.send([byte]).await;
    }
    let response = response.await.unwrap();
    assert_eq!((response.status(), &response.headers()["x"]), (StatusCode::NOT_FOUND, &"y".parse().unwrap()));
    assert_eq!(text(response.into_body()).await.unwrap(), "body");
}

#[tokio::test(start_paused = true)]
async fn a_response_is_cut_to_its_content_length() {
    let promised = "Content-Length: 4\r\n\r\n";
    for wire in [
        vec![stdout(format!("{promised}01234567"))],
        vec![stdout(promised), stdout("01234567")],
        vec![stdout(format!("{promised}0")), stdout("123"), stdout("4"), stdout("567")],
        vec![stdout(format!("{promised}012")), stdout("34"), stdout([b'x'; 60_000]).repeat(10)],
    ] {
        let (mut sender, _web_server, mut app) = scripted::connect(kept());
        let response = sender.call(get("/"));
        app.request().await;
        app.send(wire.concat()).await;
        let response = response.await.unwrap();
        assert_eq!(response.body().size_hint().exact(), Some(4));
        // Complete before END_REQUEST.
        assert_eq!(text(response.into_body()).await.unwrap(), "0123");
        app.send(end()).await;
        let response = sender.ready().await.unwrap().call(get("/"));
        assert_eq!(app.record().await.unwrap().0, RecordType::BEGIN_REQUEST, "not ABORT_REQUEST");
        app.request().await;
        app.send(complete_response("second")).await;
        assert_eq!(text(response.await.unwrap().into_body()).await.unwrap(), "second");
    }
}

#[tokio::test(start_paused = true)]
async fn an_endless_response_is_cut_off_behind_its_length() {
    let (mut sender, web_server, mut app) = scripted::connect(kept());
    let response = sender.call(get("/"));
    app.request().await;
    app.send(stdout("Content-Length: 2\r\n\r\nok!")).await;
    assert_eq!(text(response.await.unwrap().into_body()).await.unwrap(), "ok");
    let start = tokio::time::Instant::now();
    web_server.await.unwrap().unwrap();
    assert_eq!(start.elapsed().as_secs(), 1, "the abort timeout");
    assert_eq!(app.record().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_response_without_content_has_no_length() {
    for status in [204, 304] {
        let (mut sender, _web_server, mut app) = scripted::connect(kept());
        let response = sender.call(get("/"));
        app.request().await;
        app.send([stdout(format!("Status: {status}\r\nContent-Length: 4\r\n\r\nbody")), end()].concat())
            .await;
        let response = response.await.unwrap();
        assert!(response.body().is_end_stream() && !response.headers().contains_key("content-length"));
        assert_eq!(response.body().size_hint().exact(), None, "no HTTP server adds a length");
        assert_eq!(text(response.into_body()).await.unwrap(), "");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reason_phrase_is_an_extension() {
    for (line, reason) in [("404 Gone Fishing", Some("Gone Fishing")), ("404 Not Found", None), ("404", None)]
    {
        let (mut sender, _web_server, mut app) = scripted::connect(kept());
        let response = sender.call(get("/"));
        app.request().await;
        app.send([stdout(format!("Status: {line}\r\n\r\n")), end()].concat()).await;
        let response = response.await.unwrap();
        let found = response.extensions().get::<ReasonPhrase>().map(ReasonPhrase::as_bytes);
        assert_eq!(found, reason.map(str::as_bytes), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_local_redirect_is_an_extension() {
    let (mut sender, _web_server, mut app) = scripted::connect(kept());
    let response = sender.call(get("/"));
    app.request().await;
    app.send([stdout("Location: /other?x\r\n\r\n"), end()].concat()).await;
    let response = response.await.unwrap();
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(response.extensions().get::<LocalRedirect>().unwrap().0, "/other?x");
}

#[tokio::test(start_paused = true)]
async fn stderr_goes_to_its_handler_not_the_response() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&log);
    let config = kept().with_on_stderr(move |text| sink.lock().unwrap().extend_from_slice(text));
    let (mut sender, _web_server, mut app) = scripted::connect(config);
    let response = sender.call(get("/"));
    app.request().await;
    let err = |text: &[u8]| record(RecordType::STDERR, text);
    // More than the window: STDERR never pauses input.
    let flood = err(&[b'x'; 60_000]).repeat(10);
    let wire = [err(b"a"), stdout("\r\n1"), err(b"b"), err(b""), stdout("2"), flood, end()].concat();
    app.send(&wire).await;
    assert_eq!(text(response.await.unwrap().into_body()).await.unwrap(), "12");
    let log = log.lock().unwrap();
    assert!(log.starts_with(b"abxxx") && log.len() == 600_002);
}

#[tokio::test(start_paused = true)]
async fn an_early_response_is_complete_and_closes() {
    let (mut sender, web_server, mut app) = scripted::connect(kept());
    let (_body, channel) = http_body_util::Channel::<Bytes, std::io::Error>::new(1);
    let response = sender.call(post("/", channel.boxed_unsync()));
    app.read_to(RecordType::PARAMS).await;
    app.send(complete_response("no")).await;
    assert_eq!(text(response.await.unwrap().into_body()).await.unwrap(), "no");
    // Some applications would take the rest of its body for part of the next request.
    assert_eq!(sender.ready().await.unwrap_err().kind(), ErrorKind::Closed);
    web_server.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_response_before_the_peer_stops_reading_counts() {
    let (mut sender, web_server, mut app) = scripted::connect(kept());
    let response = sender
        .call(post("/", Full::new(Bytes::from(vec![0; 4 << 20])).map_err(|e| match e {}).boxed_unsync()));
    app.read_to(RecordType::PARAMS).await;
    app.send(complete_response("too large")).await;
    drop(app);
    assert_eq!(text(response.await.unwrap().into_body()).await.unwrap(), "too large");
    web_server.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_unread_response_pauses_the_application() {
    let (mut sender, _web_server, mut app) = scripted::connect(kept().with_request_window(1000));
    let response = sender.call(get("/"));
    app.request().await;
    app.send(stdout("\r\n")).await;
    let response = response.await.unwrap();
    let mut sent = 0;
    let wire = stdout([b'x'; 60_000]);
    while tokio::time::timeout(std::time::Duration::from_secs(1), app.send(&wire)).await.is_ok() {
        sent += 1;
        assert!(sent < 100, "input never pauses");
    }
    drop(app);
    assert!(text(response.into_body()).await.unwrap_err().is_incomplete());
}
