//! Addresses and networks that may connect, or whose headers are trusted.

use std::env::{self, VarError};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The variable of FastCGI §3.2.
const WEB_SERVER_ADDRS: &str = "FCGI_WEB_SERVER_ADDRS";

/// Addresses and networks: of web servers that may connect ([`AllowListener`](crate::AllowListener)), or of proxies in front
/// of the web server ([`TrustedProxies`](crate::TrustedProxies)).
///
/// As a string, they are separated by commas: `127.0.0.1, 10.0.0.0/8, 2001:db8::/32`. An IPv4 address also matches in its
/// form mapped to IPv6, which a socket at `[::]` gets.
///
/// ```
/// use axum_fcgi::AllowList;
/// let list: AllowList = "127.0.0.1, 10.0.0.0/8, ::1".parse()?;
/// assert!(list.allows("::ffff:10.1.2.3".parse().unwrap()));
/// assert!(!list.allows("192.0.2.1".parse().unwrap()));
/// # Ok::<_, axum_fcgi::AllowListError>(())
/// ```
///
/// It is also collected from addresses (`IpAddr`) or networks (`IpNet`), and displayed:
///
/// ```
/// use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
/// use axum_fcgi::AllowList;
/// let addresses = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
/// let list: AllowList = addresses.into_iter().collect();
/// assert_eq!(list.to_string(), "127.0.0.1, ::1");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AllowList {
    /// IPv4 networks are never in the form mapped to IPv6.
    networks: Vec<IpNet>,
}

impl AllowList {
    /// An empty list: allows no address.
    #[must_use]
    pub const fn empty() -> Self {
        Self { networks: Vec::new() }
    }

    /// This machine only: 127.0.0.0/8 and ::1.
    #[must_use]
    pub fn loopback() -> Self {
        let v4 = Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8);
        let v6 = Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128);
        Self { networks: vec![v4.into(), v6.into()] }
    }

    /// The list in FCGI_WEB_SERVER_ADDRS (FastCGI §3.2), or `None` if the variable is not set.
    ///
    /// If the variable is empty, or any entry is invalid, the list allows no address, and a `warn` is logged: half a
    /// list would not be what the operator meant.
    #[must_use]
    pub fn from_env() -> Option<Self> {
        match env::var(WEB_SERVER_ADDRS) {
            Err(VarError::NotPresent) => None,
            value => Some(Self::parse_or_nobody(&value.unwrap_or_else(|error| error.to_string()))),
        }
    }

    fn parse_or_nobody(text: &str) -> Self {
        text.parse().unwrap_or_else(|error| {
            tracing::warn!(%error, "{WEB_SERVER_ADDRS} is invalid: refusing all connections");
            Self::empty()
        })
    }

    /// Whether the list contains this address.
    #[must_use]
    pub fn allows(&self, addr: IpAddr) -> bool {
        let addr = addr.to_canonical();
        self.networks.iter().any(|network| network.contains(&addr))
    }
}

impl FromIterator<IpNet> for AllowList {
    fn from_iter<I: IntoIterator<Item = IpNet>>(networks: I) -> Self {
        Self { networks: networks.into_iter().map(canonical).collect() }
    }
}

impl FromIterator<IpAddr> for AllowList {
    fn from_iter<I: IntoIterator<Item = IpAddr>>(addresses: I) -> Self {
        addresses.into_iter().map(IpNet::from).collect()
    }
}

/// The string parses to the same list, unless it is empty.
impl fmt::Display for AllowList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, network) in self.networks.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            if network.prefix_len() == network.max_prefix_len() {
                write!(f, "{separator}{}", network.addr())?;
            } else {
                write!(f, "{separator}{network}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for AllowList {
    type Err = AllowListError;

    fn from_str(text: &str) -> Result<Self, AllowListError> {
        let networks = text.split(',').map(|entry| {
            let entry = entry.trim();
            parse_network(entry).ok_or_else(|| AllowListError { entry: entry.to_owned() })
        });
        Ok(Self { networks: networks.collect::<Result<_, _>>()? })
    }
}

fn parse_network(entry: &str) -> Option<IpNet> {
    let network = match entry.parse::<IpAddr>() {
        Ok(addr) => IpNet::from(addr),
        Err(_) => entry.parse().ok()?,
    };
    Some(canonical(network))
}

/// Turns an IPv4 network that is mapped to IPv6 into the IPv4 network.
fn canonical(network: IpNet) -> IpNet {
    match (network.addr().to_canonical(), network.prefix_len().checked_sub(96)) {
        (IpAddr::V4(addr), Some(prefix)) if network.addr().is_ipv6() => {
            Ipv4Net::new(addr, prefix).map_or(network, Into::into)
        }
        _ => network,
    }
}

/// The error of parsing an [`AllowList`].
///
/// ```
/// use axum_fcgi::{AllowList, AllowListError};
/// let error: AllowListError = "127.0.0.1, web.example.org".parse::<AllowList>().unwrap_err();
/// assert!(error.to_string().contains("web.example.org"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{entry:?} is neither an IP address nor a network such as 10.0.0.0/8")]
pub struct AllowListError {
    entry: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(list: &str, addr: &str) -> bool {
        list.parse::<AllowList>().unwrap().allows(addr.parse().unwrap())
    }

    #[test]
    fn ipv4_mapped_and_ipv6_addresses_compare_in_full() {
        for (list, addr, allowed) in [
            ("199.170.183.28,199.170.183.71", "199.170.183.71", true),
            ("199.170.183.28,199.170.183.71", "199.170.183.7", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("::ffff:192.0.2.1", "192.0.2.1", true),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.1", true),
            ("::ffff:192.0.2.1", "192.0.2.2", false),
            // NAT64: the last four bytes alone are those of 192.0.2.1.
            ("192.0.2.1", "64:ff9b::c000:201", false),
            ("2001:db8::1", "2001:db8::1", true),
            ("2001:db8::1", "2001:0db8:0:0:0:0:0:0001", true),
            // These differ in the last byte, or in one in the middle.
            ("2001:db8::1", "2001:db8::2", false),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
            (" ::1 , 10.0.0.0/8 ", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3/8", "10.9.9.9", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::ffff:10.0.0.0/104", "10.2.3.4", true),
            ("::ffff:10.0.0.0/104", "11.2.3.4", false),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
        ] {
            assert_eq!(allows(list, addr), allowed, "{addr} in {list}");
        }
    }

    #[test]
    fn a_list_displays_and_collects() {
        let text = "127.0.0.1, 10.0.0.0/8, 2001:db8::/32, ::1";
        let list: AllowList = text.parse().unwrap();
        assert_eq!(list.to_string(), text);
        assert_eq!("::ffff:10.0.0.0/104".parse::<AllowList>().unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(AllowList::empty().to_string(), "");
        let addresses: [IpAddr; 2] = ["::ffff:192.0.2.1".parse().unwrap(), "::1".parse().unwrap()];
        assert_eq!(addresses.into_iter().collect::<AllowList>(), "192.0.2.1, ::1".parse().unwrap());
    }

    #[test]
    fn an_invalid_or_empty_list_allows_no_address() {
        for text in
            ["", " ", ",", "127.0.0.1,", "127.0.0.1 ::1", "localhost", "127.0.0.1,10.0.0", "10.0.0.0/33"]
        {
            assert!(text.parse::<AllowList>().is_err(), "{text:?}");
            let list = AllowList::parse_or_nobody(text);
            assert!(!list.allows(IpAddr::V4(Ipv4Addr::LOCALHOST)), "{text:?}");
            assert_eq!(list, AllowList::empty());
        }
    }

    #[test]
    fn loopback_is_this_machine() {
        let list = AllowList::loopback();
        for (addr, allowed) in [
            ("127.0.0.1", true),
            ("127.1.2.3", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("::2", false),
        ] {
            assert_eq!(list.allows(addr.parse().unwrap()), allowed, "{addr}");
        }
    }
}
