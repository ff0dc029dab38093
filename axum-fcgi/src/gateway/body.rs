//! The body of a response to the client.

use std::error::Error as StdError;
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, Bytes};
use http_body_util::BodyExt as _;
use tokio::time::Instant;
use tower_http::timeout::DeadlineBody;

use super::flush_first::FlushFirst;
use super::read_timeout::ReadTimeoutBody;
use crate::request_log::{RequestLog, request_event};

/// Wraps the application's body, so that it fails at `deadline` or if nothing comes for `read_timeout`, and its failure is
/// logged.
pub(super) fn response_body<B>(
    body: B,
    read_timeout: Option<Duration>,
    deadline: Option<Instant>,
    request: RequestLog,
) -> Body
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let body = ReadTimeoutBody::new(body, read_timeout);
    match deadline {
        Some(deadline) => {
            let timeout = deadline.saturating_duration_since(Instant::now());
            let body = DeadlineBody::new(timeout, body).map_err(move |error| log(error, &request));
            Body::new(FlushFirst::new(body))
        }
        None => Body::new(FlushFirst::new(body.map_err(move |error| log(error, &request)))),
    }
}

fn log(error: impl Into<BoxError>, request: &RequestLog) -> BoxError {
    let error = error.into();
    log_incomplete(&*error, request);
    error
}

/// Logs that the application's response has failed after its head.
pub(super) fn log_incomplete(error: &(dyn StdError + 'static), request: &RequestLog) {
    request_event!(warn, request, error, "the application's response is incomplete");
}
