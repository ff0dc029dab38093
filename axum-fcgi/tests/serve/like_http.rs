//! What handlers and their libraries expect of requests and responses, because it is so over HTTP.

use std::io;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{StatusCode, Version};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use axum_fcgi::ClientProtocol;
use hyper::ext::ReasonPhrase;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;

use crate::{in_memory, wire};

/// The response to a client that speaks `protocol`.
async fn ask(router: Router, protocol: &str) -> io::Result<String> {
    let (entrance, listener) = in_memory::listener();
    tokio::spawn(axum_fcgi::serve(listener, router).into_future());
    let params = [("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/"), ("SERVER_PROTOCOL", protocol)];
    let mut out = wire::head(&params, false);
    out.write_stream_end(fcgi_core::RecordType::STDIN, wire::ID);
    wire::ask(&mut entrance.connect(), &wire::bytes(&out)).await
}

#[tokio::test]
async fn a_forwarded_request_is_http_1_1_for_every_client() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = listener.local_addr().unwrap();
    let version = async |version: Version| format!("{version:?}");
    tokio::spawn(axum::serve(listener, Router::new().fallback(version)).into_future());
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let forward = async move |mut request: Request| {
        *request.uri_mut() = format!("http://{backend}/").parse().expect("a URI");
        client.request(request).await.map_err(|_| StatusCode::BAD_REQUEST).into_response()
    };
    let router = Router::new().route("/", any(forward));
    for protocol in ["HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "HTTP/3.0"] {
        let response = ask(router.clone(), protocol).await.unwrap();
        assert!(response.ends_with("\r\n\r\nHTTP/1.1"), "{protocol}: {response}");
    }
}

#[tokio::test]
async fn client_protocol_is_the_clients() {
    let handler =
        async |ClientProtocol(client): ClientProtocol, version: Version| format!("{client:?} {version:?}");
    let router = Router::new().route("/", any(handler));
    for (protocol, expected) in [
        ("HTTP/1.0", "HTTP/1.0 HTTP/1.1"),
        ("HTTP/2.0", "HTTP/2.0 HTTP/1.1"),
        ("HTTP/3", "HTTP/3.0 HTTP/1.1"),
    ] {
        let response = ask(router.clone(), protocol).await.unwrap();
        assert!(response.ends_with(&format!("\r\n\r\n{expected}")), "{response}");
    }
}

#[tokio::test]
async fn hypers_reason_phrase_is_in_the_status_line() {
    let answer = async || {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(ReasonPhrase::from_static(b"All is well"));
        response
    };
    let response = ask(Router::new().route("/", any(answer)), "HTTP/1.1").await.unwrap();
    assert!(response.starts_with("Status: 200 All is well\r\n"), "{response}");
}
