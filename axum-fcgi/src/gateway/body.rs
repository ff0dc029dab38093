//! The body of a response to the client.

use std::error::Error as StdError;

use axum::BoxError;
use axum::body::{Body, Bytes};
use http_body_util::BodyExt as _;
use tokio::time::Instant;
use tower_http::timeout::DeadlineBody;

use super::flush_first::FlushFirst;

/// Wraps the application's body, so that it fails at `deadline` and its failure is logged.
pub(super) fn response_body<B>(body: B, deadline: Option<Instant>) -> Body
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    match deadline {
        Some(deadline) => {
            let timeout = deadline.saturating_duration_since(Instant::now());
            Body::new(FlushFirst::new(DeadlineBody::new(timeout, body).map_err(log)))
        }
        None => Body::new(FlushFirst::new(body.map_err(log))),
    }
}

fn log(error: impl Into<BoxError>) -> BoxError {
    let error = error.into();
    tracing::warn!(error = &*error as &(dyn StdError + 'static), "the application's response is incomplete");
    error
}
