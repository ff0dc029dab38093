//! One request whose response is small.

use std::time::{Duration, Instant};

use bytes::Bytes;
use fcgi_core::{ProtocolStatus, Role};

use crate::client_connection::{ClientConnection, RequestBodies, ResponseSink};
use crate::failure::Failure;
use crate::head::{self, Head};
use crate::request::{Params, Request};
use crate::target::Target;

/// A response, and how long it took, with connecting.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) time: Duration,
}

/// The longest response in bytes. A status page is much shorter.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Sends a GET over a connection of its own.
///
/// # Errors
/// If the application cannot be reached, or the response is incomplete, too long, or has no head.
pub(crate) async fn send(target: &Target, params: Params, limit: Duration) -> Result<Response, Failure> {
    let start = Instant::now();
    let mut connection = ClientConnection::new(target.connect(limit).await?, limit);
    let request = Request { role: Role::RESPONDER, keep_conn: false, params };
    let mut collector = Collector { stdout: Vec::new() };
    let bodies = RequestBodies { stdin: None, data: None };
    let end = connection.send_request(&request, bodies, &mut collector).await?;
    let time = start.elapsed();
    if end.protocol_status != ProtocolStatus::REQUEST_COMPLETE {
        let text = format!("the application did not serve the request: {:?}", end.protocol_status);
        return Err(Failure::new(text));
    }
    let mut stdout = collector.stdout;
    let end = head::end(&stdout).ok_or_else(|| Failure::new("the response has no head"))?;
    let status = Head::parse(&stdout[..end]).status;
    Ok(Response { status, body: stdout.split_off(end), time })
}

struct Collector {
    stdout: Vec<u8>,
}

impl ResponseSink for Collector {
    fn stdout(&mut self, chunk: Bytes) -> Result<(), Failure> {
        if self.stdout.len() + chunk.len() > MAX_BYTES {
            return Err(Failure::new("the response is longer than 64 MiB"));
        }
        self.stdout.extend_from_slice(&chunk);
        Ok(())
    }

    fn stderr(&mut self, chunk: Bytes) -> Result<(), Failure> {
        eprint!("{}", String::from_utf8_lossy(&chunk));
        Ok(())
    }
}
