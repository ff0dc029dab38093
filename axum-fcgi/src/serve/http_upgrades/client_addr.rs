//! The client's address, as the web server sends it over HTTP.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::{HeaderMap, HeaderName};

use crate::extract::or_unspecified;
use crate::request_log::{Summarize, request_event};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Whether the warning was logged. Once for each process is enough: it concerns the web server's configuration.
static WARNED: AtomicBool = AtomicBool::new(false);

/// The client's address from X-Forwarded-For, with port 0 unless it has one; `0.0.0.0:0` if the header is missing.
///
/// The last address is the one that the web server appended. Those before it are the client's own claims.
pub(super) fn client_addr(headers: &HeaderMap, request: &impl Summarize) -> SocketAddr {
    let last = headers.get_all(X_FORWARDED_FOR).iter().next_back();
    if last.is_none() && !WARNED.swap(true, Ordering::Relaxed) {
        request_event!(
            warn,
            request,
            "the web server sends no X-Forwarded-For to the HTTP socket for upgrades, so the client's address is unknown, and \
             clients can forge it by sending that header: let the web server set it (nginx: proxy_set_header \
             X-Forwarded-For $remote_addr)"
        );
    }
    // Apache appends to what the client sent, which need not be text.
    let entry = last.and_then(|value| value.as_bytes().rsplit(|byte| *byte == b',').next());
    let text = entry.and_then(|entry| std::str::from_utf8(entry).ok());
    or_unspecified(text.and_then(|text| parse(text.trim())))
}

fn parse(text: &str) -> Option<SocketAddr> {
    if let Ok(addr) = text.parse() {
        return Some(addr);
    }
    let text = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, 0))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::request_log::RequestLog;

    fn from(lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let request = RequestLog::of(&axum::http::Request::new(()));
        client_addr(&headers, &request).to_string()
    }

    #[test]
    fn the_address_is_the_one_that_was_appended_last() {
        for (lines, expected) in [
            (&["192.0.2.1"][..], "192.0.2.1:0"),
            (&["203.0.113.9, 192.0.2.1"], "192.0.2.1:0"),
            (&["203.0.113.9", "192.0.2.1"], "192.0.2.1:0"),
            (&["192.0.2.1:4711"], "192.0.2.1:4711"),
            (&["2001:db8::1"], "[2001:db8::1]:0"),
            (&["[2001:db8::1]"], "[2001:db8::1]:0"),
            (&["[2001:db8::1]:4711"], "[2001:db8::1]:4711"),
            (&["192.0.2.1, unix:"], "0.0.0.0:0"),
            (&["\u{e9}, 192.0.2.1"], "192.0.2.1:0"),
            (&["192.0.2.1,"], "0.0.0.0:0"),
            (&[], "0.0.0.0:0"),
        ] {
            assert_eq!(from(lines), expected, "{lines:?}");
        }
    }
}
