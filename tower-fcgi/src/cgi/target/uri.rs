//! Parses a target into a [`Uri`], or returns the reason for the rejection.

use bytes::Bytes;
use http::{StatusCode, Uri};

use super::encode;
use super::path::Path;
use crate::cgi::error::RequestError;

/// The length in bytes of the longest target that [`Uri`] accepts.
pub(super) const MAX_BYTES: usize = 65_534;

/// The error for a path with a `.` or `..` segment.
pub(super) const DOT_SEGMENT: RequestError =
    RequestError::bad_request("the request target has a dot segment");

/// Parses a target that is already encoded.
pub(super) fn to_uri(target: Bytes) -> Result<Uri, RequestError> {
    if target.len() > MAX_BYTES {
        return Err(RequestError(StatusCode::URI_TOO_LONG, "the request target is too long"));
    }
    Uri::from_maybe_shared(target).map_err(|_| RequestError::bad_request("invalid request target"))
}

/// Encodes a decoded path. A dot segment is rejected, not resolved: the web server's rules saw the path with it.
pub(super) fn encode_uri(path: Path<'_>, query: Option<&[u8]>) -> Result<Uri, RequestError> {
    if path.has_dot_segment() {
        return Err(DOT_SEGMENT);
    }
    to_uri(encode::decoded_path(path, query))
}
