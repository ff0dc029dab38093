//! The host that a client names.

use axum::http::HeaderMap;
use axum::http::header::HOST;

/// Whether a request names at most one host, in a form that can be a part of a URL. Others must be rejected (RFC 9112
/// §3.2), which hyper does not do: PHP makes links from HTTP_HOST, and two hosts would be joined in it.
pub(super) fn is_valid(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let first = hosts.next();
    hosts.next().is_none() && first.is_none_or(|host| !host.as_bytes().trim_ascii().iter().any(is_foreign))
}

/// Whether a byte cannot be part of a host and its port (RFC 3986 §3.2): it ends them, or a page would take it for markup.
const fn is_foreign(byte: &u8) -> bool {
    let ends_a_host = matches!(byte, b'/' | b'\\' | b'?' | b'#' | b'@');
    let is_delimiter = matches!(byte, b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}');
    byte.is_ascii_whitespace() || byte.is_ascii_control() || ends_a_host || is_delimiter
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_request_names_at_most_one_valid_host() {
        let valid = |hosts: &[&'static str]| {
            is_valid(&hosts.iter().map(|host| (HOST, HeaderValue::from_static(host))).collect())
        };
        assert!(valid(&[]));
        for host in ["", "site.test", "site.test:80", "[::1]:80", " site.test\t", "under_score.test", "a,b"] {
            assert!(valid(&[host]), "{host}");
        }
        for host in ["site test", "site.test/x", "site.test\\x", "site.test?x", "site.test#x", "a\tb"] {
            assert!(!valid(&[host]), "{host}");
        }
        for byte in "\"<>^`{|}@".chars() {
            let host = HeaderValue::from_str(&format!("site{byte}test")).unwrap();
            assert!(!is_valid(&HeaderMap::from_iter([(HOST, host)])), "{byte}");
        }
        assert!(!valid(&["site.test", "site.test"]));
    }
}
