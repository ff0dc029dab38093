//! The host that the client asked for.

use axum::http::header::{HOST, HeaderMap};
use axum::http::uri::{Authority, Scheme};

/// The host and port in the Host header, or else the web server's name and port.
///
/// `None` if that is not a valid host. A Host header can have any bytes, and many programs split forwarded headers without regard
/// for quotes.
pub(super) fn requested_host(params: &tower_fcgi::Params, scheme: &Scheme) -> Option<String> {
    match params.get("HTTP_HOST").filter(|host| !host.is_empty()) {
        Some(host) => valid_host(std::str::from_utf8(host).ok()?),
        None => server_name(params, scheme),
    }
}

/// The host and port in the Host header of a request over HTTP. `None` if that is not a valid host, or if there
/// are several.
pub(super) fn host_over_http(headers: &HeaderMap) -> Option<String> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().filter(|_| hosts.next().is_none())?;
    valid_host(host.to_str().ok()?)
}

/// SERVER_NAME, with SERVER_PORT unless it is the scheme's own.
fn server_name(params: &tower_fcgi::Params, scheme: &Scheme) -> Option<String> {
    let name = params.get_str("SERVER_NAME")?;
    let port = params.get_str("SERVER_PORT").and_then(|port| port.parse::<u16>().ok());
    let usual = if *scheme == Scheme::HTTPS { 443 } else { 80 };
    let is_ipv6 = name.parse::<std::net::Ipv6Addr>().is_ok();
    let name = if is_ipv6 { format!("[{name}]") } else { name.to_owned() };
    let host = valid_host(&name)?;
    let has_port = host.parse::<Authority>().ok()?.port().is_some();
    Some(match port.filter(|port| *port != usual && !has_port) {
        Some(port) => format!("{host}:{port}"),
        None => host,
    })
}

/// The text, if it is a host and perhaps a port, in characters that need no escape.
pub(super) fn valid_host(text: &str) -> Option<String> {
    let is_host_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[]".contains(&byte);
    let is_host = text.bytes().all(is_host_byte) && text.parse::<Authority>().is_ok();
    is_host.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn found(sent: &[(&str, &str)]) -> Option<String> {
        let params: tower_fcgi::Params = sent.iter().copied().collect();
        requested_host(&params, &params.scheme())
    }

    #[test]
    fn a_host_header_must_be_a_host() {
        for (sent, valid) in [
            ("example.org", true),
            ("example.org:8080", true),
            ("my_host", true),
            ("192.0.2.1:80", true),
            ("[2001:db8::1]:80", true),
            ("a\",for=6.6.6.6;x=\"", false),
            ("example.org, evil.example", false),
            ("example.org;proto=https", false),
            ("eve@example.org", false),
            ("example.org/path", false),
            ("a b", false),
            ("a:b:c", false),
            ("[2001:db8::1", false),
            ("caf\u{e9}", false),
        ] {
            let expected = valid.then(|| sent.to_owned());
            assert_eq!(found(&[("HTTP_HOST", sent), ("SERVER_NAME", "www")]), expected, "{sent:?}");
        }
        let params: tower_fcgi::Params = [("HTTP_HOST", b"\xff")].into_iter().collect();
        assert_eq!(requested_host(&params, &Scheme::HTTP), None);
    }

    #[test]
    fn over_http_there_must_be_one_valid_host() {
        for (sent, expected) in [
            (&["example.org:8080"][..], Some("example.org:8080")),
            (&["a\",for=6.6.6.6;x=\""], None),
            (&["example.org", "evil.example"], None),
            (&["caf\u{e9}"], None),
            (&[""], None),
            (&[], None),
        ] {
            let mut headers = HeaderMap::new();
            for host in sent {
                headers.append(HOST, HeaderValue::from_bytes(host.as_bytes()).unwrap());
            }
            assert_eq!(host_over_http(&headers).as_deref(), expected, "{sent:?}");
        }
    }

    #[test]
    fn without_a_host_header_it_is_the_server_name() {
        for (sent, expected) in [
            (&[("SERVER_NAME", "example.org"), ("SERVER_PORT", "80")][..], Some("example.org")),
            (&[("SERVER_NAME", "example.org"), ("SERVER_PORT", "8080")], Some("example.org:8080")),
            (&[("SERVER_NAME", "example.org"), ("SERVER_PORT", "443"), ("HTTPS", "on")], Some("example.org")),
            (
                &[("SERVER_NAME", "example.org"), ("SERVER_PORT", "80"), ("HTTPS", "on")],
                Some("example.org:80"),
            ),
            // HAProxy's name has a port.
            (&[("SERVER_NAME", "example.org:8080"), ("SERVER_PORT", "8080")], Some("example.org:8080")),
            (&[("SERVER_NAME", "2001:db8::1"), ("SERVER_PORT", "80")], Some("[2001:db8::1]")),
            (&[("SERVER_NAME", "[2001:db8::1]"), ("SERVER_PORT", "81")], Some("[2001:db8::1]:81")),
            (&[("HTTP_HOST", ""), ("SERVER_NAME", "example.org")], Some("example.org")),
            // nginx without a server_name.
            (&[("SERVER_NAME", ""), ("SERVER_PORT", "80")], None),
            (&[("SERVER_NAME", "_ a"), ("SERVER_PORT", "80")], None),
            (&[], None),
        ] {
            assert_eq!(found(sent).as_deref(), expected, "{sent:?}");
        }
    }
}
