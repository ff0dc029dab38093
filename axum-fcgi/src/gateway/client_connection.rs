//! The client's connection: its addresses, scheme and host.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::uri::Scheme;
use axum::http::{Extensions, HeaderMap, HeaderValue};
use tower_fcgi::Params;

use super::settings::Settings;
use crate::connection_addrs::{ConnectionAddrs, peer_addr};
use crate::forwarded::{ForwardedClient, Sent};

/// A variable, if it is set.
pub(super) type Pair<'a> = Option<(&'static str, &'a [u8])>;

/// What is known about the connection on which the client sent its request, perhaps to a proxy.
pub(super) struct ClientConnection<'a> {
    remote: Option<AddrText>,
    /// The address of this server, if the Router is served over HTTP.
    server: Option<AddrText>,
    /// What a trusted proxy says.
    forwarded: Option<Cow<'a, ForwardedClient>>,
    forwarded_port: Option<String>,
    /// From the web server, if the Router is served over FastCGI.
    params: Option<&'a Params>,
}

impl<'a> ClientConnection<'a> {
    pub(super) fn new(extensions: &'a Extensions, headers: &HeaderMap, settings: &Settings) -> Self {
        let peer = peer_addr(extensions);
        let forwarded = match &settings.trusted_proxies {
            Some(trusted) => peer
                .and_then(|peer| ForwardedClient::new(peer.ip(), headers, trusted))
                .map(Cow::<ForwardedClient>::Owned),
            None => extensions.get().map(Cow::Borrowed),
        };
        let remote = match forwarded.as_ref().and_then(|forwarded| forwarded.addr()) {
            Some(client) => Some(AddrText::forwarded(&client)),
            None => peer.as_ref().map(AddrText::new),
        };
        let forwarded_port = match forwarded.as_deref() {
            Some(ForwardedClient { port: Sent::Value(port), .. }) => Some(port.to_string()),
            _ => None,
        };
        let server = extensions.get().map(|ConnectInfo(addrs): &ConnectInfo<ConnectionAddrs>| addrs.server);
        let server = server.filter(|server| !server.ip().is_unspecified()).as_ref().map(AddrText::new);
        Self { remote, server, forwarded, forwarded_port, params: extensions.get() }
    }

    /// The scheme that the client used.
    pub(super) fn scheme(&self) -> Scheme {
        let own = self.params.map(Params::scheme);
        let scheme = match &self.forwarded {
            Some(forwarded) => forwarded.scheme.clone().or_own(own),
            None => own,
        };
        scheme.unwrap_or(Scheme::HTTP)
    }

    /// The Host header that the client sent to a proxy, if that says so.
    pub(super) fn forwarded_host(&self) -> Option<HeaderValue> {
        match &self.forwarded.as_ref()?.host {
            Sent::Value(host) => HeaderValue::try_from(host).ok(),
            _ => None,
        }
    }

    /// The variables that are known. SERVER_NAME and SERVER_PORT are otherwise made from Host and the scheme.
    pub(super) fn variables(&self) -> [Pair<'_>; 5] {
        let [addr, port] = self.remote.as_ref().map_or([None, None], AddrText::pairs);
        let sent = |name| self.params.and_then(|params| params.get(name)).filter(|value| !value.is_empty());
        let server = self.server.as_ref();
        let server_addr = sent("SERVER_ADDR").or(server.map(|server| server.addr.as_bytes()));
        let forwarded = self.forwarded.as_deref();
        let server_name = match forwarded.map(|forwarded| &forwarded.host) {
            None | Some(Sent::Missing) => sent("SERVER_NAME"),
            Some(_) => None,
        };
        let server_port = match &self.forwarded_port {
            Some(port) => Some(port.as_bytes()),
            None if forwarded.is_some_and(ForwardedClient::states_another_port) => None,
            None => sent("SERVER_PORT").or(server.map(|server| server.port.as_bytes())),
        };
        [
            addr,
            port,
            server_addr.map(|value| ("SERVER_ADDR", value)),
            server_name.map(|value| ("SERVER_NAME", value)),
            server_port.map(|value| ("SERVER_PORT", value)),
        ]
    }
}

/// An address and a port as text.
struct AddrText {
    addr: String,
    port: String,
}

impl AddrText {
    fn new(client: &SocketAddr) -> Self {
        // A dual-stack socket reports IPv4 addresses mapped to IPv6, a form that few applications support.
        let addr = match client.ip().to_canonical() {
            IpAddr::V4(addr) => {
                // Faster than `Display` by 1 000 instructions.
                let mut buffers: [_; 4] = std::array::from_fn(|_| itoa::Buffer::new());
                let [a, b, c, d] = &mut buffers;
                let [w, x, y, z] = addr.octets();
                [a.format(w), b.format(x), c.format(y), d.format(z)].join(".")
            }
            IpAddr::V6(addr) => addr.to_string(),
        };
        Self { addr, port: client.port().to_string() }
    }

    /// As nginx does, an unknown port is empty.
    fn forwarded(client: &SocketAddr) -> Self {
        let remote = Self::new(client);
        Self { port: if client.port() == 0 { String::new() } else { remote.port }, ..remote }
    }

    fn pairs(&self) -> [Pair<'_>; 2] {
        [Some(("REMOTE_ADDR", self.addr.as_bytes())), Some(("REMOTE_PORT", self.port.as_bytes()))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remote_addr_is_canonical_and_has_no_brackets() {
        for (client, address, port) in [
            ("192.0.2.1:80", "192.0.2.1", "80"),
            ("255.255.255.255:65535", "255.255.255.255", "65535"),
            ("0.0.0.0:0", "0.0.0.0", "0"),
            ("[::ffff:192.0.2.1]:1", "192.0.2.1", "1"),
            ("[2001:db8::1]:9", "2001:db8::1", "9"),
            (
                "[1111:2222:3333:4444:5555:6666:7777:8888]:65535",
                "1111:2222:3333:4444:5555:6666:7777:8888",
                "65535",
            ),
        ] {
            let client = AddrText::new(&client.parse().unwrap());
            let pairs = client.pairs().map(|pair| pair.map(|(_, value)| value.to_vec()));
            assert_eq!(pairs, [Some(address.into()), Some(port.into())], "{pairs:?}");
        }
    }
}
