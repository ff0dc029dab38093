//! Sends the requests over HTTP/1.1, for comparison.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::client::Response;
use crate::args::BenchArgs;
use crate::failure::Failure;
use crate::target::Target;

pub(super) struct Http {
    target: Target,
    request: http::Request<Full<Bytes>>,
    keep_alive: bool,
    limit: Duration,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Http {
    /// # Errors
    /// A usage error for a method, target or header that is invalid in HTTP.
    pub(super) fn new(args: &BenchArgs, body: Option<&Bytes>) -> Result<Self, Failure> {
        let method = args.request.method.as_deref().unwrap_or(if body.is_some() { "POST" } else { "GET" });
        let mut request = http::Request::builder().method(method).uri(&args.path);
        if !args.request.http_headers().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request = request.header("host", "localhost");
        }
        for (name, value) in args.request.http_headers() {
            request = request.header(name, value);
        }
        if args.close {
            request = request.header("connection", "close");
        }
        let request = request
            .body(Full::new(body.cloned().unwrap_or_default()))
            .map_err(|error| Failure::usage(format!("invalid HTTP request: {error}")))?;
        Ok(Self {
            target: args.target.clone(),
            request,
            keep_alive: !args.close,
            limit: args.wait.timeout,
            connection: None,
        })
    }

    /// # Errors
    /// If the response is incomplete.
    pub(super) async fn send(&mut self) -> Result<Response, Failure> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let exchange = async {
            connection.ready().await?;
            let response = connection.send_request(self.request.clone()).await?;
            let (status, mut body, mut length) = (response.status().as_u16(), response.into_body(), 0);
            while let Some(frame) = body.frame().await {
                length += frame?.data_ref().map_or(0, Bytes::len) as u64;
            }
            Ok(Response { status, length })
        };
        let response = timeout(self.limit, exchange)
            .await
            .map_err(|_| Failure::new("timed out waiting for the response; --timeout sets the limit"))?
            .map_err(|error: hyper::Error| Failure::new(format!("incomplete response: {error}")))?;
        if self.keep_alive {
            self.connection = Some(connection);
        }
        Ok(response)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Failure> {
        let stream = TokioIo::new(self.target.connect(self.limit).await?);
        let (sender, connection) = handshake(stream)
            .await
            .map_err(|error| Failure::new(format!("HTTP handshake failed: {error}")))?;
        // An error of the connection also fails the request.
        tokio::spawn(async { connection.await.ok() });
        Ok(sender)
    }
}
