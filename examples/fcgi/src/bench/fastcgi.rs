//! Sends the requests over FastCGI.

use std::time::Duration;

use bytes::Bytes;
use fcgi_core::{ProtocolStatus, Role};

use super::client::Response;
use crate::args::BenchArgs;
use crate::body::Body;
use crate::client_connection::{ClientConnection, RequestBodies, ResponseSink};
use crate::failure::Failure;
use crate::head::{self, Head};
use crate::request::Request;
use crate::target::Target;

pub(super) struct FastCgi {
    target: Target,
    request: Request,
    body: Option<Bytes>,
    limit: Duration,
    connection: Option<ClientConnection>,
}

impl FastCgi {
    /// # Errors
    /// A usage error.
    pub(super) fn new(args: &BenchArgs, body: Option<&Bytes>) -> Result<Self, Failure> {
        let params = args.request.params(&args.path, body.map(|body| Some(body.len() as u64)))?;
        Ok(Self {
            target: args.target.clone(),
            request: Request { role: Role::RESPONDER, keep_conn: !args.close, params },
            body: body.cloned(),
            limit: args.wait.timeout,
            connection: None,
        })
    }

    /// # Errors
    /// If the response is incomplete.
    pub(super) async fn send(&mut self) -> Result<Response, Failure> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => ClientConnection::new(self.target.connect(self.limit).await?, self.limit),
        };
        let bodies = RequestBodies { stdin: self.body.clone().map(Body::bytes), data: None };
        let mut counter = ResponseCounter::default();
        let end = connection.send_request(&self.request, bodies, &mut counter).await?;
        if end.protocol_status != ProtocolStatus::REQUEST_COMPLETE {
            return Err(Failure::new(format!(
                "the application did not serve the request: {:?}",
                end.protocol_status
            )));
        }
        if connection.is_open() {
            self.connection = Some(connection);
        }
        counter.response.ok_or_else(|| Failure::new("a response has no head"))
    }
}

/// Parses the head and counts the bytes of the body.
#[derive(Default)]
struct ResponseCounter {
    head: Vec<u8>,
    response: Option<Response>,
}

impl ResponseSink for ResponseCounter {
    fn stdout(&mut self, chunk: Bytes) -> Result<(), Failure> {
        if let Some(response) = &mut self.response {
            response.length += chunk.len() as u64;
            return Ok(());
        }
        self.head.extend_from_slice(&chunk);
        if let Some(end) = head::end(&self.head) {
            let length = (self.head.len() - end) as u64;
            self.response = Some(Response { status: Head::parse(&self.head[..end]).status, length });
        }
        Ok(())
    }

    fn stderr(&mut self, _chunk: Bytes) -> Result<(), Failure> {
        Ok(())
    }
}
