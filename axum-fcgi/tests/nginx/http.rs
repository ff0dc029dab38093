//! The HTTP client: hyper's, with a connection per request.

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

use crate::runner::context;

/// Sends a request and reads the complete response; an incomplete one is an error.
pub(crate) async fn send(to: SocketAddr, request: Request) -> Result<Response<Bytes>, Failed> {
    collect(open(to, request).await?).await
}

/// Reads the rest of a response.
pub(crate) async fn collect(response: Response<Incoming>) -> Result<Response<Bytes>, Failed> {
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(context("incomplete response body"))?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

/// Sends a request and reads the response's head.
pub(crate) async fn open(to: SocketAddr, request: Request) -> Result<Response<Incoming>, Failed> {
    let stream = TcpStream::connect(to).await.map_err(context("cannot connect"))?;
    open_on(stream, request).await
}

/// Like [`open`], on an existing connection.
pub(crate) async fn open_on(stream: TcpStream, mut request: Request) -> Result<Response<Incoming>, Failed> {
    let headers = request.headers_mut();
    headers.entry(header::HOST).or_insert(HeaderValue::from_static("example.org"));
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(context("no HTTP connection"))?;
    // The response also reports how the connection ends.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(context("no response"))
}

/// The values of a header that may be repeated, in order.
pub(crate) fn values<B>(response: &Response<B>, name: &str) -> Vec<String> {
    let values = response.headers().get_all(name).iter();
    values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
}
