//! Which paths may be handed to the web server.

use std::fmt;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// Checks a path that may come from a client: names below a directory and nothing else.
pub(super) fn check(path: &str) -> Result<(), UnsafePath> {
    // An absolute path begins with an empty name.
    if path.split('/').all(is_plain) { Ok(()) } else { Err(UnsafePath) }
}

/// Whether it names an entry of the directory that it is looked up in, wherever the lookup takes place.
fn is_plain(name: &str) -> bool {
    // On Windows these separate directories, name drives, and name streams.
    let is_special = |byte| matches!(byte, b'\\' | b':') && cfg!(windows);
    !matches!(name, "" | "." | "..") && !name.bytes().any(|byte| byte == 0 || is_special(byte))
}

/// A path that is not one below the directory that it is to be below, or that a header cannot carry: see
/// [`SendFiles::file`](crate::SendFiles::file).
///
/// As a response it is a 404, since there is no such file, and says nothing else: the path was the client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnsafePath;

impl fmt::Display for UnsafePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the path is not one of plain names below its directory, or cannot be sent as it is")
    }
}

impl std::error::Error for UnsafePath {}

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
    fn what_leads_elsewhere_is_not() {
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
