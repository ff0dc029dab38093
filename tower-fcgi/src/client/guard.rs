//! Callers' code that runs in a connection's future: their bodies, and what takes STDERR.

use super::error::Kind;
use crate::server::failure::Failure;
use crate::server::response_driver;

/// Runs a piece of a caller's code; a panic in it is the failure of that caller's request alone.
pub(super) fn guard<T>(code: impl FnOnce() -> T) -> Result<T, Kind> {
    response_driver::guard(code).map_err(|failure| {
        Kind::Panic(match failure {
            Failure::Panic(text) => text.into(),
            other => other.to_string().into(),
        })
    })
}

/// Drops what is a caller's, whose drop is the caller's code as well.
pub(super) fn let_go<T>(value: T) {
    let_go_by(|| drop(value));
}

/// As [`let_go`], where something else does the drop.
pub(super) fn let_go_by(drop: impl FnOnce()) {
    if let Err(Kind::Panic(text)) = guard(drop) {
        tracing::error!(panic = &*text, "the drop of a request's body panicked");
    }
}
