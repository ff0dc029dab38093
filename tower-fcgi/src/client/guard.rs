//! Catches panics of callers' code that a connection runs: bodies and the STDERR handler.

use std::mem;

use http::Request;
use http::request::Parts;
use tracing::Span;

use super::error::ErrorCause;
use super::request_log::exchange_event;
use crate::panic;

/// Runs a caller's code. A panic fails only that caller's request.
pub(super) fn catch_panic<T>(code: impl FnOnce() -> T) -> Result<T, ErrorCause> {
    panic::catch_panic(code).map_err(|text| ErrorCause::Panic(text.into()))
}

/// Drops what a caller's request owns, whose `Drop` may panic. `parts`, `span`: the request's.
pub(super) fn drop_caught<T>(value: T, parts: Option<&Parts>, span: &Span) {
    if let Err(panic) = panic::catch_panic(|| drop(value)) {
        span.in_scope(|| {
            exchange_event!(error, parts, panic, "the drop of a request or of its body panicked")
        });
    }
}

/// Drops a caller's request.
pub(super) fn drop_request<B>(request: Request<B>, span: &Span) {
    let (parts, body) = request.into_parts();
    drop_caught(body, Some(&parts), span);
    drop_parts(parts, span);
}

/// Drops the head of a caller's request, whose extensions are the caller's.
pub(super) fn drop_parts(mut parts: Parts, span: &Span) {
    let extensions = mem::take(&mut parts.extensions);
    drop_caught(extensions, Some(&parts), span);
}
