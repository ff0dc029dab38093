//! Errors with context.

use std::fmt::Display;
use std::io;

/// Prepends what the error is about: an address, a file, a variable.
pub(crate) fn about(what: impl Display, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}
