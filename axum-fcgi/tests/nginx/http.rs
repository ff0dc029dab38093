//! The HTTP client: hyper's, a connection for each request.

use std::net::SocketAddr;

use axum::{
    extract::Request,
    http::{HeaderValue, Response, header},
};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use libtest_mimic::Failed;
use tokio::net::TcpStream;

use crate::runner::told;

/// Sends a request and reads the whole answer; one that is cut short is an error.
pub(crate) async fn send(to: SocketAddr, request: Request) -> Result<Response<Bytes>, Failed> {
    collect(open(to, request).await?).await
}

/// Reads the rest of an answer.
pub(crate) async fn collect(answer: Response<Incoming>) -> Result<Response<Bytes>, Failed> {
    let (head, body) = answer.into_parts();
    let body = body.collect().await.map_err(told("the answer's body was cut short"))?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

/// Sends a request and reads the answer's head.
pub(crate) async fn open(to: SocketAddr, request: Request) -> Result<Response<Incoming>, Failed> {
    let stream = TcpStream::connect(to).await.map_err(told("cannot connect"))?;
    open_on(stream, request).await
}

/// As [`open`], on a connection that the caller has made.
pub(crate) async fn open_on(stream: TcpStream, mut request: Request) -> Result<Response<Incoming>, Failed> {
    let headers = request.headers_mut();
    headers.entry(header::HOST).or_insert(HeaderValue::from_static("example.org"));
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(told("no HTTP connection"))?;
    // How the connection ends is told by the answer, too.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(told("no answer"))
}

/// The values of a header that may come more than once, in order.
pub(crate) fn values<B>(answer: &Response<B>, name: &str) -> Vec<String> {
    let values = answer.headers().get_all(name).iter();
    values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
}
