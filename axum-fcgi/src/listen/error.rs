//! Errors with context.

use std::fmt::Display;
use std::io;

/// Prepends the subject of an error, such as an address, a file or a variable.
pub(crate) fn about(what: impl Display, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}
