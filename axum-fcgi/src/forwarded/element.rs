//! The syntax of the header Forwarded (RFC 7239 §4).

use std::fmt;
use std::net::IpAddr;

use super::client::Client;

/// The value of Forwarded: an element for each address, the client's with its host and scheme.
pub(super) struct Forwarded<'a>(pub(super) &'a Client);

impl fmt::Display for Forwarded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client = self.0;
        let mut addrs = client.chain.iter();
        let mut separator = "";
        if let Some(addr) = addrs.next() {
            write!(f, "for={}", Node(*addr))?;
            separator = ";";
        }
        if let Some(host) = &client.host {
            write!(f, "{separator}host={}", Value(host))?;
            separator = ";";
        }
        if let Some(scheme) = &client.scheme {
            write!(f, "{separator}proto={scheme}")?;
        }
        addrs.try_for_each(|addr| write!(f, ", for={}", Node(*addr)))
    }
}

/// A node identifier (§6): an IPv6 address has brackets, and so must be quoted.
struct Node(IpAddr);

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(addr) => addr.fmt(f),
            IpAddr::V6(addr) => write!(f, "\"[{addr}]\""),
        }
    }
}

/// A value, quoted unless it is a token. It has neither quotes nor backslashes: see `valid_host`.
struct Value<'a>(&'a str);

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains([':', '[', ']']) { write!(f, "\"{}\"", self.0) } else { f.write_str(self.0) }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::uri::Scheme;

    use super::*;

    #[test]
    fn ports_and_ipv6_addresses_are_quoted() {
        for (chain, host, scheme, expected) in [
            (
                &["192.0.2.1"][..],
                Some("example.org"),
                Some(Scheme::HTTPS),
                "for=192.0.2.1;host=example.org;proto=https",
            ),
            (
                &["2001:db8::1"],
                Some("example.org:8080"),
                Some(Scheme::HTTP),
                "for=\"[2001:db8::1]\";host=\"example.org:8080\";proto=http",
            ),
            (
                &["192.0.2.1", "10.0.0.1", "::1"],
                None,
                Some(Scheme::HTTP),
                "for=192.0.2.1;proto=http, for=10.0.0.1, for=\"[::1]\"",
            ),
            (&["192.0.2.1"], Some("[::1]"), None, "for=192.0.2.1;host=\"[::1]\""),
            (&[], Some("example.org"), Some(Scheme::HTTP), "host=example.org;proto=http"),
            (&[], None, Some(Scheme::HTTP), "proto=http"),
            (&[], None, None, ""),
        ] {
            let chain = chain.iter().map(|addr| addr.parse().unwrap()).collect();
            let client = Client { chain, host: host.map(str::to_owned), scheme, port: None };
            assert_eq!(Forwarded(&client).to_string(), expected);
        }
    }
}
