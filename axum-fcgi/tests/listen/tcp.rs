//! What TCP connections get that unix ones do not need.

use std::io::{Error, ErrorKind};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use axum_fcgi::FcgiListener;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::wire;

#[tokio::test]
async fn an_answer_that_is_cut_off_ends_in_a_reset() {
    let listener = FcgiListener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let router = Router::new().route(
        "/",
        get(async || {
            let pieces = [Ok(Bytes::from("some")), Err(Error::other("it broke"))];
            Body::from_stream(futures_util::stream::iter(pieces))
        }),
    );
    tokio::spawn(axum_fcgi::serve(listener, router).into_future());
    let mut io = TcpStream::connect(addr).await.unwrap();
    io.write_all(&wire::get("/", true)).await.unwrap();
    let error = io.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}
