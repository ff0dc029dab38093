//! Callers' code that runs in a connection's future: their bodies, and what takes STDERR.

use super::error::ErrorKind;
use crate::server::failure::Failure;
use crate::server::response_driver;

/// Runs a piece of a caller's code; a panic in it is the failure of that caller's request alone.
pub(super) fn catch_panic<T>(code: impl FnOnce() -> T) -> Result<T, ErrorKind> {
    response_driver::catch_panic(code).map_err(|failure| {
        ErrorKind::Panic(match failure {
            Failure::Panic(text) => text.into(),
            other => other.to_string().into(),
        })
    })
}

/// Drops what is a caller's, whose drop is the caller's code as well.
pub(super) fn drop_caught<T>(value: T) {
    drop_with(|| drop(value));
}

/// As [`let_go`], where something else does the drop.
pub(super) fn drop_with(drop: impl FnOnce()) {
    if let Err(ErrorKind::Panic(text)) = catch_panic(drop) {
        tracing::error!(panic = &*text, "the drop of a request's body panicked");
    }
}
