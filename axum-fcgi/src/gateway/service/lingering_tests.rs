//! Refused requests whose bodies were not read.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::{Duration, sleep};
use tower::ServiceExt as _;

use super::super::spool::Buffering;
use super::*;

const LEN: usize = 1 << 20;

/// A Router with a gateway that refuses.
fn router(directory: &std::path::Path) -> Router {
    let application =
        tower::service_fn(async |_: Request| Ok::<_, Infallible>(std::future::pending::<Response>().await));
    let collects = FastCgiGateway::new(application).buffering(Buffering::default().with_max_body(1000));
    let files = tower_http::services::ServeDir::new(directory);
    Router::new()
        .route("/own", get(async || "the Router's own"))
        .nest_service("/collects", collects)
        .fallback_service(PhpGateway::new(application, directory).files(files))
}

/// It over HTTP/1 with a small pipe: a body that is not read does not fit into it.
fn serve(directory: &std::path::Path) -> (DuplexStream, JoinHandle<hyper::Result<()>>) {
    let (client, server) = tokio::io::duplex(1024);
    let router = router(directory);
    let service =
        service_fn(move |request: hyper::Request<Incoming>| router.clone().oneshot(request.map(Body::new)));
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service);
    (client, tokio::spawn(connection))
}

/// The head of a request with an upload.
fn head(path: &str, more: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: h\r\n{more}Content-Length: {LEN}\r\n\r\n")
}

/// Reads the head of a response that has no body.
async fn response(client: &mut DuplexStream) -> String {
    let mut response = Vec::new();
    while !response.ends_with(b"\r\n\r\n") {
        response.push(client.read_u8().await.expect("the end of the head"));
    }
    String::from_utf8(response).unwrap()
}

#[tokio::test]
async fn a_client_that_still_sends_gets_the_refusal() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("x.css"), "").unwrap();
    for (path, status) in [("/collects/", "413"), ("/%zz", "400"), ("/.git/config", "404"), ("/x.css", "405")]
    {
        let (mut client, serving) = serve(directory.path());
        client.write_all(head(path, "").as_bytes()).await.unwrap();
        // All of the body, as a browser does, and then the next request.
        client.write_all(&vec![b'x'; LEN]).await.expect(path);
        let next = "GET /own HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
        client.write_all(next.as_bytes()).await.expect(path);
        let refusal = response(&mut client).await;
        assert!(refusal.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {refusal}");
        let mut rest = String::new();
        client.read_to_string(&mut rest).await.unwrap();
        assert!(rest.ends_with("the Router's own"), "{path}: {rest}");
        serving.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_a_refused_body_has_its_time() {
    let directory = tempfile::tempdir().unwrap();
    // The seconds between two bytes.
    for (pause, ends_after) in [(4, 30), (6, 5)] {
        let (mut client, serving) = serve(directory.path());
        client.write_all(head("/collects/", "").as_bytes()).await.unwrap();
        let started = Instant::now();
        assert!(response(&mut client).await.starts_with("HTTP/1.1 413 "));
        let (mut reader, mut writer) = tokio::io::split(client);
        let feed = tokio::spawn(async move {
            while writer.write_all(b"x").await.is_ok() {
                sleep(Duration::from_secs(pause)).await;
            }
        });
        assert_eq!(reader.read(&mut [0]).await.unwrap_or(0), 0);
        assert_eq!(started.elapsed().as_secs(), ends_after);
        let _ = serving.await.unwrap();
        feed.abort();
    }
}

/// A client that waits for a 100 may send the body without it. Until then it is not asked.
#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_100_is_not_asked() {
    let directory = tempfile::tempdir().unwrap();
    for (path, status) in [("/collects/", "413"), ("/%zz", "400"), ("/.git/config", "404")] {
        for sends in [false, true] {
            let (mut client, serving) = serve(directory.path());
            client.write_all(head(path, "Expect: 100-continue\r\n").as_bytes()).await.unwrap();
            let refusal = response(&mut client).await;
            assert!(refusal.starts_with(&format!("HTTP/1.1 {status} ")), "{refusal}");
            assert!(refusal.contains("connection: close\r\n"), "what follows is the body: {refusal}");
            let started = Instant::now();
            if sends {
                client.write_all(&vec![b'x'; LEN]).await.expect(path);
            }
            assert_eq!(client.read(&mut [0]).await.unwrap(), 0, "nothing follows the refusal");
            assert_eq!(started.elapsed().as_secs(), if sends { 0 } else { 5 });
            let _ = serving.await.unwrap();
        }
    }
}

/// The service for static files has dropped the body before the response is sent.
#[tokio::test(start_paused = true)]
async fn a_client_is_not_asked_for_a_body_of_a_file() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("x.css"), "").unwrap();
    let (mut client, _serving) = serve(directory.path());
    client.write_all(head("/x.css", "Expect: 100-continue\r\n").as_bytes()).await.unwrap();
    let mut all = String::new();
    client.read_to_string(&mut all).await.unwrap();
    assert!(all.starts_with("HTTP/1.1 405 ") && !all.contains(" 100 "), "{all}");
}

/// A client that was asked for the body sends it.
#[tokio::test]
async fn a_client_that_was_asked_gets_the_refusal() {
    let directory = tempfile::tempdir().unwrap();
    let (mut client, serving) = serve(directory.path());
    let head =
        "POST /collects/ HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(response(&mut client).await, "HTTP/1.1 100 Continue\r\n\r\n");
    let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
    for _ in 0..LEN / 0x400 {
        client.write_all(chunk.as_bytes()).await.expect("the rest is read");
    }
    client.write_all(b"0\r\n\r\nGET /own HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await.unwrap();
    let refusal = response(&mut client).await;
    assert!(refusal.starts_with("HTTP/1.1 413 ") && !refusal.contains("connection: close"), "{refusal}");
    let mut rest = String::new();
    client.read_to_string(&mut rest).await.unwrap();
    assert!(rest.ends_with("the Router's own"), "{rest}");
    serving.await.unwrap().unwrap();
}

/// RFC 9110 §10.1.1: HTTP/1.0 has no 100, and there is no other expectation.
#[tokio::test]
async fn a_client_that_cannot_wait_gets_the_refusal() {
    let directory = tempfile::tempdir().unwrap();
    for (version, expectation) in [("1.0", "100-continue"), ("1.1", "something-else")] {
        let (mut client, serving) = serve(directory.path());
        let head = head("/collects/", &format!("Expect: {expectation}\r\n"));
        client.write_all(head.replace("HTTP/1.1", &format!("HTTP/{version}")).as_bytes()).await.unwrap();
        client.write_all(&vec![b'x'; LEN]).await.expect(version);
        let refusal = response(&mut client).await;
        assert!(refusal.starts_with(&format!("HTTP/{version} 413 ")), "{refusal}");
        drop(client);
        let _ = serving.await.unwrap();
    }
}

/// A refusal ends the stream of its request only.
#[tokio::test]
async fn over_http2_other_requests_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let (client, server) = tokio::io::duplex(1024);
    let router = router(directory.path());
    let service =
        service_fn(move |request: hyper::Request<Incoming>| router.clone().oneshot(request.map(Body::new)));
    let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let serving = tokio::spawn(builder.serve_connection(TokioIo::new(server), service));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(client)).await.unwrap();
    tokio::spawn(connection);
    for (length, expectation) in [(None, None), (Some(LEN), None), (Some(LEN), Some("100-continue"))] {
        let body = Body::from_stream(futures_util::stream::iter(
            std::iter::repeat_n(vec![b'x'; 1024], LEN / 1024).map(Ok::<_, Infallible>),
        ));
        let mut refused = Request::post("http://site/collects/").body(body).unwrap();
        refused.headers_mut().extend(length.map(|length| (header::CONTENT_LENGTH, length.into())));
        let expectation = expectation.map(|value| (header::EXPECT, HeaderValue::from_static(value)));
        refused.headers_mut().extend(expectation);
        let refusal = sender.send_request(refused).await.unwrap();
        assert_eq!(refusal.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let next = Request::get("http://site/own").body(Body::empty()).unwrap();
        assert_eq!(sender.send_request(next).await.unwrap().status(), StatusCode::OK);
    }
    serving.abort();
}

/// The application responds before it has read the body.
#[tokio::test]
async fn a_client_that_still_streams_gets_the_response() {
    let application =
        tower::service_fn(async |_: Request| Ok::<_, Infallible>(StatusCode::FORBIDDEN.into_response()));
    let router = Router::new().fallback_service(FastCgiGateway::new(application));
    let (mut client, server) = tokio::io::duplex(1024);
    let service =
        service_fn(move |request: hyper::Request<Incoming>| router.clone().oneshot(request.map(Body::new)));
    let connection = hyper::server::conn::http1::Builder::new();
    let serving = tokio::spawn(connection.serve_connection(TokioIo::new(server), service));
    client.write_all(head("/", "").as_bytes()).await.unwrap();
    client.write_all(&vec![b'x'; LEN]).await.expect("the rest is read");
    assert!(response(&mut client).await.starts_with("HTTP/1.1 403 "));
    drop(client);
    let _ = serving.await.unwrap();
}
