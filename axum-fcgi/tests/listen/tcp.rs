//! Options of TCP connections that unix ones do not need.

use std::io::{Error, ErrorKind};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use axum_fcgi::FcgiListener;
use futures_util::StreamExt as _;
use futures_util::stream::{iter, once};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::wire;

#[tokio::test]
async fn an_incomplete_response_ends_in_a_reset() {
    let listener = FcgiListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let read = Arc::new(Notify::new());
    let failing = Arc::clone(&read);
    let body = async move || {
        // After the first chunk was sent: before that the response would be a complete 500.
        let failure = once(async move {
            failing.notified().await;
            Err(Error::other("it broke"))
        });
        Body::from_stream(iter([Ok(Bytes::from("some"))]).chain(failure))
    };
    let router = Router::new().route("/", get(body));
    tokio::spawn(axum_fcgi::serve(listener, router).into_future());
    let mut io = TcpStream::connect(addr).await.unwrap();
    io.write_all(&wire::get("/", true)).await.unwrap();
    io.read_exact(&mut [0; 8]).await.unwrap();
    read.notify_one();
    let error = io.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}
