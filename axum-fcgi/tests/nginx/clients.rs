//! HTTP clients of nginx that the other web servers' tests do not need.

use std::net::SocketAddr;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, Response, header},
};
use bytes::Bytes;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use libtest_mimic::Failed;
use tokio::net::TcpStream;

use crate::{http::collect, runner::context};

/// A client that keeps its connection.
pub(crate) struct Client {
    sender: http1::SendRequest<Body>,
    pub(crate) address: SocketAddr,
}

impl Client {
    pub(crate) async fn connect(to: SocketAddr) -> Result<Self, Failed> {
        let stream = TcpStream::connect(to).await.map_err(context("cannot connect"))?;
        let address = stream.local_addr()?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(context("no HTTP connection"))?;
        tokio::spawn(connection);
        Ok(Self { sender, address })
    }

    pub(crate) async fn send(&mut self, mut request: Request) -> Result<Response<Bytes>, Failed> {
        request.headers_mut().insert(header::HOST, HeaderValue::from_static("example.org"));
        self.sender.ready().await.map_err(context("the connection was closed"))?;
        collect(self.sender.send_request(request).await.map_err(context("no response"))?).await
    }
}

/// Sends a request over HTTP/2 without TLS, and reads the complete response.
pub(crate) async fn send_http2(to: SocketAddr, request: Request) -> Result<Response<Bytes>, Failed> {
    let stream = TcpStream::connect(to).await.map_err(context("cannot connect"))?;
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(context("no HTTP/2 connection"))?;
    tokio::spawn(connection);
    collect(sender.send_request(request).await.map_err(context("no response"))?).await
}
