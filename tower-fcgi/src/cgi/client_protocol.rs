//! The client's protocol.

use http::Version;

/// The HTTP version in SERVER_PROTOCOL (RFC 3875 §4.1.16). `None` if it is not one, as `INCLUDED` in Apache's server-side
/// includes.
pub(crate) fn http_version(protocol: &[u8]) -> Option<Version> {
    Some(match protocol {
        b"HTTP/0.9" => Version::HTTP_09,
        b"HTTP/1.0" => Version::HTTP_10,
        b"HTTP/1.1" => Version::HTTP_11,
        // RFC 9113 and RFC 9114 have no minor version.
        b"HTTP/2" | b"HTTP/2.0" => Version::HTTP_2,
        b"HTTP/3" | b"HTTP/3.0" => Version::HTTP_3,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_http_or_none() {
        for (protocol, version) in [
            ("HTTP/0.9", Some(Version::HTTP_09)),
            ("HTTP/1.0", Some(Version::HTTP_10)),
            ("HTTP/1.1", Some(Version::HTTP_11)),
            ("HTTP/2", Some(Version::HTTP_2)),
            ("HTTP/2.0", Some(Version::HTTP_2)),
            ("HTTP/3.0", Some(Version::HTTP_3)),
            ("HTTP/9", None),
            ("INCLUDED", None),
            ("", None),
        ] {
            assert_eq!(http_version(protocol.as_bytes()), version, "{protocol}");
        }
    }
}
