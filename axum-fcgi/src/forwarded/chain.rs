//! The addresses from the client to the web server.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;

use super::names::X_FORWARDED_FOR;
use super::trusted_proxies::TrustedProxies;

/// The client's address and those of the proxies behind it, in the order of X-Forwarded-For. Without what the client
/// claims about itself: the first address is the one that the outermost trusted proxy saw.
///
/// Walks X-Forwarded-For from right to left, as long as trusted proxies wrote it. An entry that is no address ends it.
///
/// An address without a port has port 0, and so has the peer.
pub(super) fn chain(peer: IpAddr, headers: &HeaderMap, trusted: &TrustedProxies) -> Vec<SocketAddr> {
    let mut chain = vec![SocketAddr::new(peer, 0)];
    let mut last = peer;
    // Some web servers (Caddy, HAProxy with `option forwardfor`) have already appended the peer.
    let mut entries = entries_from_the_right(headers).map(parse_addr).peekable();
    entries.next_if(|entry| entry.is_some_and(|addr| addr.ip() == peer));
    while trusted.contains(last) {
        let Some(Some(addr)) = entries.next() else { break };
        chain.push(addr);
        last = addr.ip();
    }
    chain.reverse();
    chain
}

/// The entries of all X-Forwarded-For headers, the last one first.
fn entries_from_the_right(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let values = headers.get_all(X_FORWARDED_FOR).iter().rev();
    values.flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','))
}

/// Parses an address as proxies write it: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`,
/// `[2001:db8::1]:80`.
fn parse_addr(entry: &[u8]) -> Option<SocketAddr> {
    let entry = std::str::from_utf8(entry).ok()?.trim_matches([' ', '\t']);
    let bracketed = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let addr = entry.parse().ok().or_else(bracketed).map(|addr| SocketAddr::new(addr, 0));
    addr.or_else(|| entry.parse().ok())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn chain_of(peer: &str, sent: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for value in sent {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let trusted = TrustedProxies::new("10.0.0.0/8, 2001:db8:1::/48".parse().unwrap());
        let chain = chain(peer.parse().unwrap(), &headers, &trusted);
        chain.iter().map(|addr| addr.ip().to_string()).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn trust_goes_from_right_to_left() {
        for (peer, sent, expected) in [
            // The peer is the client: nothing that it says counts.
            ("192.0.2.1", &["6.6.6.6"][..], "192.0.2.1"),
            ("192.0.2.1", &["10.0.0.9"], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1"], "192.0.2.1, 10.0.0.1"),
            // What the client sent is left of what the proxy appended.
            ("10.0.0.1", &["6.6.6.6, 192.0.2.1"], "192.0.2.1, 10.0.0.1"),
            ("10.0.0.1", &["6.6.6.6, 10.0.0.7, 192.0.2.1, 10.0.0.2"], "192.0.2.1, 10.0.0.2, 10.0.0.1"),
            // A repeated header is one list.
            ("10.0.0.1", &["6.6.6.6", "192.0.2.1"], "192.0.2.1, 10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1", "10.0.0.2"], "192.0.2.1, 10.0.0.2, 10.0.0.1"),
            // A client inside the trusted network.
            ("10.0.0.1", &["10.0.0.3,10.0.0.2"], "10.0.0.3, 10.0.0.2, 10.0.0.1"),
            // The web server has appended the peer itself.
            ("10.0.0.1", &["192.0.2.1, 10.0.0.1"], "192.0.2.1, 10.0.0.1"),
            ("192.0.2.1", &["192.0.2.1"], "192.0.2.1"),
            // What is no address ends the chain.
            ("10.0.0.1", &["192.0.2.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1, \u{e9}"], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1,"], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1, _hidden, 10.0.0.2"], "10.0.0.2, 10.0.0.1"),
            // Each spelling.
            ("10.0.0.1", &["192.0.2.1:4711"], "192.0.2.1, 10.0.0.1"),
            ("10.0.0.1", &["2001:db8::7"], "2001:db8::7, 10.0.0.1"),
            ("10.0.0.1", &["\t[2001:db8::7] "], "2001:db8::7, 10.0.0.1"),
            ("10.0.0.1", &["[2001:db8::7]:80"], "2001:db8::7, 10.0.0.1"),
            ("10.0.0.1", &["[192.0.2.1]"], "10.0.0.1"),
            ("2001:db8:1::5", &["192.0.2.1"], "192.0.2.1, 2001:db8:1::5"),
            ("::ffff:10.0.0.1", &["192.0.2.1"], "192.0.2.1, ::ffff:10.0.0.1"),
        ] {
            assert_eq!(chain_of(peer, sent), expected, "{sent:?} from {peer}");
        }
    }
}
