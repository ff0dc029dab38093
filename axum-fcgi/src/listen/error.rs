//! Errors that say where they happened.

use std::fmt::Display;
use std::io;

/// The same error, with what it was about.
pub(crate) fn about(what: impl Display, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}
