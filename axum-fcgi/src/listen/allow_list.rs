//! From where web servers may connect.

use std::env::{self, VarError};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The variable of FastCGI §3.2.
const WEB_SERVER_ADDRS: &str = "FCGI_WEB_SERVER_ADDRS";

/// Networks from which web servers may connect.
///
/// As a string they are separated by commas: `127.0.0.1, 10.0.0.0/8, 2001:db8::/32`. An IPv4 address is the same
/// whether it comes as such or mapped to IPv6, as it does to a socket that listens at `[::]`.
///
/// ```
/// use axum_fcgi::AllowList;
/// let list: AllowList = "127.0.0.1, 10.0.0.0/8, ::1".parse()?;
/// assert!(list.allows("::ffff:10.1.2.3".parse().unwrap()));
/// assert!(!list.allows("192.0.2.1".parse().unwrap()));
/// # Ok::<_, axum_fcgi::AllowListError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowList {
    /// No network of IPv4 is here in its form mapped to IPv6.
    networks: Vec<IpNet>,
}

impl AllowList {
    /// Lets nobody in.
    #[must_use]
    pub const fn nobody() -> Self {
        Self { networks: Vec::new() }
    }

    /// This machine alone: 127.0.0.0/8 and ::1.
    #[must_use]
    pub fn loopback() -> Self {
        let v4 = Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8);
        let v6 = Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128);
        Self { networks: vec![v4.into(), v6.into()] }
    }

    /// The list in FCGI_WEB_SERVER_ADDRS (FastCGI §3.2), or `None` if the variable is not set.
    ///
    /// One that is set but empty, or in which anything is unreadable, lets nobody in: half a list is not what
    /// anyone meant. It is a line in the log, at `warn`.
    #[must_use]
    pub fn from_env() -> Option<Self> {
        match env::var(WEB_SERVER_ADDRS) {
            Err(VarError::NotPresent) => None,
            value => Some(Self::or_nobody(&value.unwrap_or_else(|error| error.to_string()))),
        }
    }

    fn or_nobody(text: &str) -> Self {
        text.parse().unwrap_or_else(|error| {
            tracing::warn!(%error, "{WEB_SERVER_ADDRS} lets nobody in");
            Self::nobody()
        })
    }

    /// Whether a web server may connect from this address.
    #[must_use]
    pub fn allows(&self, addr: IpAddr) -> bool {
        let addr = addr.to_canonical();
        self.networks.iter().any(|network| network.contains(&addr))
    }
}

impl FromStr for AllowList {
    type Err = AllowListError;

    fn from_str(text: &str) -> Result<Self, AllowListError> {
        let networks = text.split(',').map(|entry| {
            let entry = entry.trim();
            network(entry).ok_or_else(|| AllowListError { entry: entry.to_owned() })
        });
        Ok(Self { networks: networks.collect::<Result<_, _>>()? })
    }
}

fn network(entry: &str) -> Option<IpNet> {
    let network = match entry.parse::<IpAddr>() {
        Ok(addr) => IpNet::from(addr),
        Err(_) => entry.parse().ok()?,
    };
    Some(canonical(network))
}

/// What is mapped to IPv6 as what it is in IPv4.
fn canonical(network: IpNet) -> IpNet {
    match (network.addr().to_canonical(), network.prefix_len().checked_sub(96)) {
        (IpAddr::V4(addr), Some(prefix)) if network.addr().is_ipv6() => {
            Ipv4Net::new(addr, prefix).map_or(network, Into::into)
        }
        _ => network,
    }
}

/// A string that is no [`AllowList`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowListError {
    entry: String,
}

impl fmt::Display for AllowListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is neither an IP address nor a network such as 10.0.0.0/8", self.entry)
    }
}

impl std::error::Error for AllowListError {}

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
            // Not the same as 192.0.2.1, though its last four bytes are.
            ("192.0.2.1", "64:ff9b::c000:201", false),
            ("2001:db8::1", "2001:db8::1", true),
            ("2001:db8::1", "2001:0db8:0:0:0:0:0:0001", true),
            // They differ in the last of sixteen bytes, or in one of the middle.
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
    fn an_unreadable_or_empty_list_lets_nobody_in() {
        for text in
            ["", " ", ",", "127.0.0.1,", "127.0.0.1 ::1", "localhost", "127.0.0.1,10.0.0", "10.0.0.0/33"]
        {
            assert!(text.parse::<AllowList>().is_err(), "{text:?}");
            let list = AllowList::or_nobody(text);
            assert!(!list.allows(IpAddr::V4(Ipv4Addr::LOCALHOST)), "{text:?}");
            assert_eq!(list, AllowList::nobody());
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
