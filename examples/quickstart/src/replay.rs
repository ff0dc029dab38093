//! The bug that started this project, beside the correct behaviour: the same POST to two drivers.
//!
//! The request has no KEEP_CONN, so the application closes the connection after it, and it is answered before its body
//! arrives. A web server that buffers responses waits for the close; nginx waits for `fastcgi_read_timeout`, 60 s by
//! default.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use fcgi_core::{
    BeginRequest, Params, RecordDecoder, RecordEncoder, RecordType, RequestId, Role, encode_pair,
};
use serde::Serialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::timeout;
use tower::service_fn;
use tower_fcgi::Connection;

use crate::diagram::Diagram;
use crate::forgetful;
use crate::records::{Peer, Step, What};
use crate::tap::Tapped;

/// The response of both drivers.
pub(crate) const RESPONSE: &[u8] = b"Status: 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n";

/// How long the web server waits for the close. Shorter than in practice, but long enough for a correct driver.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The bytes that a connection holds in each direction. Larger than the request and the response.
const BUFFER: usize = 64 * 1024;

const ID: RequestId = RequestId(1);

/// The results of both drivers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replay {
    /// How long the web server waits for the close, in milliseconds.
    pub close_timeout_millis: u64,
    /// The driver that forgets a request when its handler returns.
    pub forgetful: Run,
    /// `tower_fcgi::Connection`.
    pub ours: Run,
}

/// The result of one driver.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// All records and closes.
    pub steps: Vec<Step>,
    /// When the application closed the connection, in microseconds since BEGIN_REQUEST. `None` if it did not.
    pub closed_after_micros: Option<u64>,
}

/// Sends the request to both drivers, one after the other, over connections in memory.
pub async fn seed() -> Replay {
    let (web_server, application) = duplex(BUFFER);
    let driver = tokio::spawn(forgetful::serve(application));
    let forgetful = run(web_server).await;
    let _ = driver.await;

    let (web_server, application) = duplex(BUFFER);
    let not_found = service_fn(async |_| {
        let mut response = Response::new(Body::from("no\n"));
        *response.status_mut() = StatusCode::NOT_FOUND;
        Ok::<_, Infallible>(response)
    });
    let driver = tokio::spawn(Connection::new(application, not_found));
    let ours = run(web_server).await;
    let _ = driver.await;
    Replay { close_timeout_millis: CLOSE_TIMEOUT.as_millis().try_into().unwrap_or(u64::MAX), forgetful, ours }
}

/// Acts as the web server, and returns all steps.
async fn run(stream: DuplexStream) -> Run {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&seen);
    let find_watcher = move |_: &Params| -> Option<crate::trace::Watcher> {
        let seen = Arc::clone(&seen);
        Some(Arc::new(move |step| seen.lock().unwrap_or_else(PoisonError::into_inner).push(step)))
    };
    // After an error the steps contain the close.
    let _ = exchange(Tapped::new(stream, Arc::new(find_watcher))).await;
    let steps = std::mem::take(&mut *all.lock().unwrap_or_else(PoisonError::into_inner));
    let close = |step: &&Step| step.what == What::Closed && step.from == Peer::Application;
    Run { closed_after_micros: steps.iter().find(close).map(|step| step.micros), steps }
}

async fn exchange(mut io: Tapped<DuplexStream>) -> io::Result<()> {
    let mut head = Vec::new();
    for (name, value) in [("REQUEST_METHOD", "POST"), ("REQUEST_URI", "/foo"), ("CONTENT_LENGTH", "4")] {
        encode_pair(&mut head, name.as_bytes(), value.as_bytes());
    }
    let mut out = RecordEncoder::new();
    let begin = BeginRequest { role: Role::RESPONDER, keep_conn: false };
    out.write_record(RecordType::BEGIN_REQUEST, ID, &begin.encode());
    out.write_stream(RecordType::PARAMS, ID, &head);
    out.write_stream_end(RecordType::PARAMS, ID);
    send(&mut io, &out).await?;

    let mut decoder = RecordDecoder::new();
    let mut ended = false;
    let mut buffer = [0; 1024];
    while !ended {
        let read = io.read(&mut buffer).await?;
        let mut input = &buffer[..read];
        if read == 0 {
            return Ok(());
        }
        while let Some(fragment) = decoder.next(&mut input).map_err(io::Error::other)? {
            ended |= fragment.header.kind == RecordType::END_REQUEST;
        }
    }

    // The body arrives only now.
    let mut out = RecordEncoder::new();
    out.write_stream(RecordType::STDIN, ID, b"abcd");
    out.write_stream_end(RecordType::STDIN, ID);
    send(&mut io, &out).await?;

    // The application should close the connection now.
    let close = async { while io.read(&mut buffer).await.is_ok_and(|read| read > 0) {} };
    let _ = timeout(CLOSE_TIMEOUT, close).await;
    Ok(())
}

async fn send(io: &mut Tapped<DuplexStream>, out: &RecordEncoder) -> io::Result<()> {
    io.write_all(&out.slices().collect::<Vec<_>>().concat()).await
}

/// Formats the results for a terminal.
impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { close_timeout_millis, forgetful, ours } = self;
        writeln!(f, "A POST without KEEP_CONN, answered before its body arrives.")?;
        for (name, run) in [
            ("A driver that forgets the request when its handler returns", forgetful),
            ("tower_fcgi::Connection", ours),
        ] {
            writeln!(f, "\n{name}:\n\n{}", Diagram(&run.steps))?;
            match run.closed_after_micros {
                Some(micros) => {
                    writeln!(f, "The connection was closed after {}.", crate::diagram::Time(micros))?
                }
                None => writeln!(
                    f,
                    "The web server waited {close_timeout_millis} ms for a close and gave up. nginx waits for \
                     fastcgi_read_timeout, 60 s by default."
                )?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(run: &Run) -> Vec<(Peer, &str)> {
        run.steps.iter().map(|step| (step.from, kind(&step.what))).collect()
    }

    fn kind(what: &What) -> &str {
        match what {
            What::Record { kind, .. } => kind,
            What::Omitted { .. } => "omitted",
            What::Closed => "close",
        }
    }

    #[tokio::test]
    async fn only_the_correct_driver_closes() {
        use Peer::{Application, WebServer};
        let Replay { forgetful, ours, .. } = seed().await;
        let common = [
            (WebServer, "BEGIN_REQUEST"),
            (WebServer, "PARAMS"),
            (WebServer, "PARAMS"),
            (Application, "STDOUT"),
            (Application, "STDOUT"),
            (Application, "END_REQUEST"),
            (WebServer, "STDIN"),
            (WebServer, "STDIN"),
        ];
        assert_eq!(kinds(&forgetful), [&common[..], &[(WebServer, "close")]].concat());
        assert_eq!(kinds(&ours), [&common[..], &[(Application, "close"), (WebServer, "close")]].concat());
        assert_eq!(forgetful.closed_after_micros, None);
        assert!(ours.closed_after_micros.is_some());
    }
}
