//! The client's address (RFC 3875 §4.1.8).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

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
    // By far most of them, at a quarter of the general parser's cost; it has the last word on what this does
    // not take.
    if let Some(v4) = dotted(text) {
        return Some(IpAddr::V4(v4));
    }
    let text = text.strip_prefix(b"[").and_then(|text| text.strip_suffix(b"]")).unwrap_or(text);
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Four decimal numbers without leading zeros.
fn dotted(text: &[u8]) -> Option<Ipv4Addr> {
    let mut address = 0_u32;
    let mut dots = 0;
    // Of the octet that is being read.
    let (mut octet, mut digits) = (0_u32, 0);
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            let leading_zero = digits > 0 && octet == 0;
            octet = octet * 10 + u32::from(digit);
            if leading_zero || octet > 255 {
                return None;
            }
            digits += 1;
        } else {
            if *byte != b'.' || digits == 0 {
                return None;
            }
            address = address << 8 | octet;
            dots += 1;
            (octet, digits) = (0, 0);
        }
    }
    (dots == 3 && digits > 0).then(|| Ipv4Addr::from(address << 8 | octet))
}

/// A port.
fn number(text: &[u8]) -> Option<u16> {
    let mut number = 0_u32;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        number = number * 10 + u32::from(digit);
        if digit > 9 || number > u32::from(u16::MAX) {
            return None;
        }
    }
    if text.is_empty() { None } else { u16::try_from(number).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortcut_for_ipv4_takes_what_the_general_parser_takes_and_nothing_else() {
        let pieces = ["", "0", "1", "00", "01", "10", "255", "256", "999", "1000", "a", "-1", " 1"];
        for (a, b) in pieces.iter().flat_map(|a| pieces.map(|b| (*a, b))) {
            for text in
                [format!("{a}.{b}.1.2"), format!("1.2.{a}.{b}"), format!("{a}.2.3"), format!("1.{a}.3.4.{b}")]
            {
                assert_eq!(dotted(text.as_bytes()), text.parse().ok(), "{text}");
            }
        }
    }

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
