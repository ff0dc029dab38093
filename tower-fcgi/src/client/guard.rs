//! Catches panics of callers' code that a connection runs: bodies and the STDERR handler.

use super::error::ErrorCause;
use crate::panic;

/// Runs a caller's code. A panic fails only that caller's request.
pub(super) fn catch_panic<T>(code: impl FnOnce() -> T) -> Result<T, ErrorCause> {
    panic::catch_panic(code).map_err(|text| ErrorCause::Panic(text.into()))
}

/// Drops a caller's value, whose `Drop` may panic.
pub(super) fn drop_caught<T>(value: T) {
    drop_with(|| drop(value));
}

/// As [`drop_caught`], for a value that is dropped in place.
pub(super) fn drop_with(drop: impl FnOnce()) {
    if let Err(ErrorCause::Panic(text)) = catch_panic(drop) {
        tracing::error!(panic = &*text, "the drop of a request's body panicked");
    }
}
