//! The paths that may be sent to the web server.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// Checks that a path, which may come from a client, stays below its directory.
pub(super) fn check(path: &str) -> Result<(), UnsafePath> {
    // An absolute path starts with an empty name.
    if path.split('/').map(str::as_bytes).all(is_plain_name) { Ok(()) } else { Err(UnsafePath) }
}

/// Whether a name refers to an entry of the directory in which it is looked up, on any system.
pub(crate) fn is_plain_name(name: &[u8]) -> bool {
    // On Windows, these separate directories, and name drives and streams.
    let is_special = |byte| matches!(byte, b'\\' | b':') && cfg!(windows);
    !matches!(name, b"" | b"." | b"..") && !name.iter().any(|byte| *byte == 0 || is_special(*byte))
}

/// The error of a path that leads out of its directory, or that a header cannot carry.
///
/// [`SendFiles::file`](crate::SendFiles::file) returns it. As a response it is an empty 404, because no such file exists;
/// the path came from the client, so the response does not repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the path leads out of its directory, or a header cannot carry it")]
pub struct UnsafePath;

impl IntoResponse for UnsafePath {
    fn into_response(self) -> Response {
        StatusCode::NOT_FOUND.into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_are_safe() {
        for path in ["a", "a/b", "a b/ü.txt", "..a", "a..", "...", ".hidden", "%2e%2e", "a%2fb", "a\nb"] {
            assert_eq!(check(path), Ok(()), "{path:?}");
        }
        for path in ["a\\b", "..\\a", "C:a", "C:"] {
            assert_eq!(check(path).is_ok(), !cfg!(windows), "{path:?}");
        }
    }

    #[test]
    fn paths_that_lead_elsewhere_are_unsafe() {
        for path in [
            "",
            "/",
            "/a",
            "//a",
            "a/",
            "a//b",
            ".",
            "./a",
            "a/.",
            "a/./b",
            "..",
            "../a",
            "a/..",
            "a/../b",
            "a/../../b",
            "\0",
            "a\0",
            "a/b\0.txt",
        ] {
            assert_eq!(check(path), Err(UnsafePath), "{path:?}");
        }
    }
}
