//! Percent-encodes the bytes that a target cannot have (RFC 3986 §2.1).

use bytes::Bytes;
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

use super::path::Path;

/// Bytes that [`Uri`](http::Uri) rejects in a path, and the quote, which RFC 3986 does not allow there. Bytes over 127 are
/// always encoded.
const NOT_IN_CLIENT_PATH: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`');

/// The same for a query.
const NOT_IN_QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>');

/// Bytes that RFC 3986 §3.3 does not allow in a path, and `%`, since the path is decoded.
const NOT_IN_DECODED_PATH: &AsciiSet = &NOT_IN_CLIENT_PATH
    .add(b'#')
    .add(b'%')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Percent-encodes a decoded path, and appends the query.
pub(super) fn decoded_path(path: Path<'_>, query: Option<&[u8]>) -> Bytes {
    let mut target = String::new();
    for part in path.parts() {
        target.extend(percent_encode(part, NOT_IN_DECODED_PATH));
    }
    with_query(target, query.filter(|query| !query.is_empty()))
}

/// Appends the query to a path in the client's spelling. Percent-encodes only bytes that are invalid in a URI.
pub(super) fn client_path(path: &[u8], query: Option<&[u8]>) -> Bytes {
    with_query(percent_encode(path, NOT_IN_CLIENT_PATH).to_string(), query)
}

fn with_query(mut target: String, query: Option<&[u8]>) -> Bytes {
    if !target.starts_with('/') {
        target.insert(0, '/');
    }
    if let Some(query) = query {
        // RFC 9110 §4.2.5: a fragment is not part of a target.
        let end = query.iter().position(|byte| *byte == b'#').unwrap_or(query.len());
        target.push('?');
        target.extend(percent_encode(&query[..end], NOT_IN_QUERY));
    }
    target.into()
}

#[cfg(test)]
mod tests {
    use super::super::classes::{is_valid_path, is_valid_query};
    use super::*;

    #[test]
    fn valid_bytes_are_not_encoded_and_a_uri_accepts_them() {
        for byte in 0..=u8::MAX {
            if byte == b'#' {
                continue;
            }
            let path = [b'/', byte];
            let encoded = client_path(&path, None);
            if byte != b'?' {
                assert_eq!(encoded == path[..], is_valid_path(&path), "{byte:#x}");
            }
            assert!(http::Uri::from_maybe_shared(encoded).is_ok(), "{byte:#x}");
            let encoded = client_path(b"/", Some(&[byte]));
            assert_eq!(encoded == [b'/', b'?', byte][..], is_valid_query(&[byte]), "{byte:#x}");
            assert!(http::Uri::from_maybe_shared(encoded).is_ok(), "{byte:#x}");
            let decoded = decoded_path(Path::new([&path, b""]), None);
            let uri = http::Uri::from_maybe_shared(decoded).unwrap();
            let bytes: Vec<u8> = percent_encoding::percent_decode_str(uri.path()).collect();
            assert_eq!(bytes, path, "a decoded path keeps its meaning");
        }
    }
}
