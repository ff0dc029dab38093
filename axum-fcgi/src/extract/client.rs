//! The client's address.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::Params;

/// The client's address as the web server tells it in REMOTE_ADDR and REMOTE_PORT (RFC 3875 §4.1.8): what
/// [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo) gives.
///
/// A port that is missing or no number is 0. An address that is missing or none of IP's, as a web server has it whose client came by
/// a unix socket (nginx says `unix:`), is `0.0.0.0`, with port 0: a handler that asks for a client gets an answer rather than a 500, and
/// [`Params`] tells the difference.
///
/// ```
/// let params = [("REMOTE_ADDR", "2001:db8::1"), ("REMOTE_PORT", "4711")];
/// let params = axum_fcgi::Params::from(params.into_iter().collect::<axum_fcgi::tower_fcgi::Params>());
/// assert_eq!(axum_fcgi::client_addr(&params).to_string(), "[2001:db8::1]:4711");
/// ```
#[must_use]
pub fn client_addr(params: &Params) -> SocketAddr {
    let mut addr: Option<&[u8]> = None;
    let mut port: Option<&[u8]> = None;
    for (name, value) in params.iter() {
        match name {
            b"REMOTE_ADDR" => addr = Some(value),
            b"REMOTE_PORT" => port = Some(value),
            _ => {}
        }
    }
    match addr.and_then(ip) {
        Some(addr) => SocketAddr::new(addr, port.and_then(number).unwrap_or(0)),
        None => SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
    }
}

/// An address as web servers write it; some put IPv6 into brackets.
pub(super) fn ip(text: &[u8]) -> Option<IpAddr> {
    let text = text.strip_prefix(b"[").and_then(|text| text.strip_suffix(b"]")).unwrap_or(text);
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A port.
pub(super) fn number(text: &[u8]) -> Option<u16> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_web_server_tells_there_is_an_address() {
        for (addr, port, expected) in [
            (Some("192.0.2.1"), Some("4711"), "192.0.2.1:4711"),
            (Some("2001:db8::1"), Some("1"), "[2001:db8::1]:1"),
            (Some("[2001:db8::1]"), None, "[2001:db8::1]:0"),
            (Some("192.0.2.1"), None, "192.0.2.1:0"),
            (Some("192.0.2.1"), Some(""), "192.0.2.1:0"),
            (Some("192.0.2.1"), Some("65536"), "192.0.2.1:0"),
            (Some("192.0.2.1"), Some("http"), "192.0.2.1:0"),
            (Some("unix:"), Some(""), "0.0.0.0:0"),
            (Some(""), Some("80"), "0.0.0.0:0"),
            (None, None, "0.0.0.0:0"),
        ] {
            let pairs = [("REMOTE_ADDR", addr), ("REMOTE_PORT", port)];
            let params = pairs.into_iter().filter_map(|(name, value)| Some((name, value?)));
            let params = Params::from(params.collect::<tower_fcgi::Params>());
            assert_eq!(client_addr(&params).to_string(), expected, "{addr:?} {port:?}");
        }
    }
}
