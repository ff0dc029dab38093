//! Refused requests whose bodies were not read.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::{Duration, sleep};
use tower::ServiceExt as _;

use super::super::spool::Buffering;
use super::*;

const LEN: usize = 1 << 20;

/// A Router over HTTP/1 with a small pipe: a body that is not read does not fit into it.
fn serve(directory: &std::path::Path) -> (DuplexStream, JoinHandle<hyper::Result<()>>) {
    let application =
        tower::service_fn(async |_: Request| Ok::<_, Infallible>(std::future::pending::<Response>().await));
    let collects = FastCgiGateway::new(application).buffering(Buffering::default().with_max_body(1000));
    let files = tower_http::services::ServeDir::new(directory);
    let router = Router::new()
        .route("/own", get(async || "the Router's own"))
        .nest_service("/collects", collects)
        .fallback_service(PhpGateway::new(application, directory).files(files));
    let (client, server) = tokio::io::duplex(1024);
    let connection = hyper::server::conn::http1::Builder::new();
    let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        router.clone().oneshot(request.map(Body::new))
    });
    let serving =
        tokio::spawn(async move { connection.serve_connection(TokioIo::new(server), service).await });
    (client, serving)
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

/// Reading would ask for the body.
#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_100_is_not_asked() {
    let directory = tempfile::tempdir().unwrap();
    let (mut client, _serving) = serve(directory.path());
    client.write_all(head("/collects/", "Expect: 100-continue\r\n").as_bytes()).await.unwrap();
    let mut all = String::new();
    client.read_to_string(&mut all).await.unwrap();
    assert!(all.starts_with("HTTP/1.1 413 ") && !all.contains(" 100 "), "{all}");
}
