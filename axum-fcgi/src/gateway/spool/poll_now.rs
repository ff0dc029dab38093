//! Polls a body without waiting.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use axum::body::{Body, Bytes};
use http_body::Frame;

/// Polls once for the next frame. Registers no waker, so a pending body must be polled again before it is awaited.
pub(super) fn poll_now(body: &mut Body) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
    http_body::Body::poll_frame(Pin::new(body), &mut Context::from_waker(Waker::noop()))
}
