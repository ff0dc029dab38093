//! The client's address (RFC 3875 §4.1.8).

use std::net::{IpAddr, SocketAddr};

/// From REMOTE_ADDR and REMOTE_PORT. `None` where the address is none of IP's, as with a client that came to
/// the web server by a unix socket (nginx says `unix:`). A port that is missing or no number is 0.
pub(super) fn client(addr: &[u8], port: &[u8]) -> Option<SocketAddr> {
    Some(SocketAddr::new(ip(addr)?, number(port).unwrap_or(0)))
}

/// The client that `params` tell of.
pub(crate) fn client_of(params: &fcgi_core::Params) -> Option<SocketAddr> {
    client(params.get("REMOTE_ADDR")?, params.get("REMOTE_PORT").unwrap_or_default())
}

/// An address as web servers write it; some put IPv6 into brackets.
fn ip(text: &[u8]) -> Option<IpAddr> {
    let text = text.strip_prefix(b"[").and_then(|text| text.strip_suffix(b"]")).unwrap_or(text);
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A port.
fn number(text: &[u8]) -> Option<u16> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u16, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u16::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_wrong_port_and_a_unix_client_are_no_error() {
        for (addr, port, expected) in [
            ("192.0.2.1", "4711", Some("192.0.2.1:4711")),
            ("2001:db8::1", "1", Some("[2001:db8::1]:1")),
            ("[2001:db8::1]", "", Some("[2001:db8::1]:0")),
            ("192.0.2.1", "", Some("192.0.2.1:0")),
            ("192.0.2.1", "65536", Some("192.0.2.1:0")),
            ("192.0.2.1", "-1", Some("192.0.2.1:0")),
            ("192.0.2.1", "http", Some("192.0.2.1:0")),
            ("unix:", "", None),
            ("", "80", None),
        ] {
            let found = client(addr.as_bytes(), port.as_bytes()).map(|client| client.to_string());
            assert_eq!(found.as_deref(), expected, "{addr:?} {port:?}");
        }
    }
}
