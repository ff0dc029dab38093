//! The proxies in front of the web server.

use std::net::IpAddr;

use axum::http::HeaderName;

use crate::allow_list::AllowList;

/// Proxies in front of the web server, such as a load balancer or a CDN, for
/// [`ForwardedHeaders::with_trusted_proxies`](super::ForwardedHeaders::with_trusted_proxies) and for the gateways
/// (`PhpGateway::trusted_proxies`).
///
/// These proxies set or append to X-Forwarded-For. Other headers count only if the proxies are said to set them:
/// a proxy passes on the client's own where it does not.
///
/// | proxy, by its documentation | sets |
/// | --- | --- |
/// | AWS Application Load Balancer | X-Forwarded-For, -Proto, -Port |
/// | Cloudflare | X-Forwarded-For, -Proto |
/// | Traefik, ingress-nginx | X-Forwarded-For, -Proto, -Host, -Port |
/// | HAProxy with `option forwardfor` | X-Forwarded-For |
///
/// ```
/// use axum_fcgi::{AllowList, TrustedProxies};
/// let load_balancer: AllowList = "10.0.0.0/8, 2001:db8::/64".parse()?;
/// let proxies = TrustedProxies::new(load_balancer).with_proto().with_port();
/// # Ok::<_, axum_fcgi::AllowListError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TrustedProxies {
    addrs: AllowList,
    pub(super) proto: bool,
    pub(super) host: bool,
    pub(super) port: bool,
    /// Headers that the layer passes on from these proxies, and removes otherwise.
    pub(super) headers: Vec<HeaderName>,
}

impl TrustedProxies {
    /// The proxies with these addresses. They send X-Forwarded-For.
    #[must_use]
    pub const fn new(addrs: AllowList) -> Self {
        Self { addrs, proto: false, host: false, port: false, headers: Vec::new() }
    }

    /// These proxies set X-Forwarded-Proto themselves.
    #[must_use]
    pub const fn with_proto(mut self) -> Self {
        self.proto = true;
        self
    }

    /// These proxies set X-Forwarded-Host themselves.
    #[must_use]
    pub const fn with_host(mut self) -> Self {
        self.host = true;
        self
    }

    /// These proxies set X-Forwarded-Port themselves.
    #[must_use]
    pub const fn with_port(mut self) -> Self {
        self.port = true;
        self
    }

    /// These proxies set this header themselves, such as `X-Forwarded-Prefix`, `X-Forwarded-User` or `CF-Connecting-IP`.
    ///
    /// It is passed on as a proxy sends it, and removed if the request did not come from one. The headers that the layer sets
    /// itself are not affected.
    ///
    /// ```
    /// use axum::http::HeaderName;
    /// use axum_fcgi::TrustedProxies;
    /// let proxies = TrustedProxies::new("10.0.0.0/8".parse()?)
    ///     .with_proto()
    ///     .with_header(HeaderName::from_static("x-forwarded-prefix"));
    /// # Ok::<_, axum_fcgi::AllowListError>(())
    /// ```
    #[must_use]
    pub fn with_header(mut self, name: HeaderName) -> Self {
        self.headers.push(name);
        self
    }

    pub(super) fn contains(&self, addr: IpAddr) -> bool {
        self.addrs.allows(addr)
    }
}
