//! The meta-variables of a request.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::ops::Deref;

use fcgi_core::Role;
use http::Version;
use http::uri::Scheme;

use super::request_summary::RequestSummary;
use super::stderr::Stderr;
use crate::cgi::{client_of, first_counts, http_version, server_of};

/// The meta-variables of a request (RFC 3875 §4.1): everything that the web server sent, in its order, as raw bytes. Values
/// of HTTP_* may have spaces and tabs around them, which the request's headers do not have.
///
/// They are in the extensions of each request. Derefs to [`fcgi_core::Params`], which has more lookups. A clone shares the
/// bytes.
///
/// # A variable that comes several times
/// [`get`](Self::get) returns the last value, from which the request's headers, its target and
/// [`client_addr`](Self::client_addr) are made too. So a web server's configuration can include a file and override a
/// variable after it. For HTTP_* other than HTTP_HOST and HTTP_AUTHORIZATION it is the first, as in `HeaderMap::get`, and
/// for CONTENT_TYPE the first that is not empty: HAProxy and H2O send each of a client's headers.
/// [`get_all`](fcgi_core::Params::get_all) returns all values.
///
/// ```
/// use tower_fcgi::Params;
/// let params: Params = [("SERVER_NAME", "example.org"), ("REMOTE_ADDR", "192.0.2.1")].into_iter().collect();
/// assert_eq!(params.get_str("SERVER_NAME"), Some("example.org"));
/// assert_eq!(params.client_addr(), Some("192.0.2.1:0".parse()?));
/// # Ok::<_, std::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Params {
    pairs: fcgi_core::Params,
    role: Role,
    client: Option<SocketAddr>,
    /// A field, since an extension of its own would need an allocation.
    stderr: Option<Stderr>,
}

impl Params {
    /// `client`: the address in `pairs`, which the mapping has parsed already.
    pub(crate) const fn new(
        pairs: fcgi_core::Params,
        role: Role,
        client: Option<SocketAddr>,
        stderr: Stderr,
    ) -> Self {
        Self { pairs, role, client, stderr: Some(stderr) }
    }

    /// The role of the application for this request: one of the service's [roles](crate::Builder::with_roles).
    ///
    /// Responder for params that were made by hand, unless [`with_role`](Self::with_role) was used.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Sets the role, for tests of a service with several roles.
    #[must_use]
    pub const fn with_role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// Makes params from the environment of a CGI program (RFC 3875 §4.1), as [`vars_os`](std::env::vars_os) returns it: every
    /// variable, as raw bytes.
    pub fn from_vars(vars: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        vars.into_iter()
            .map(|(name, value)| (name.into_encoded_bytes(), value.into_encoded_bytes()))
            .collect()
    }

    /// The value of a variable; if it [comes several times](Self#a-variable-that-comes-several-times), the one that counts.
    /// Names are compared byte by byte.
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        let name = name.as_ref();
        if !first_counts(name) {
            return self.pairs.get(name);
        }
        let may_be_empty = name != b"CONTENT_TYPE";
        let mut values = self.pairs.iter().filter(|(other, _)| *other == name).map(|(_, value)| value);
        values.find(|value| may_be_empty || !value.is_empty()).or_else(|| self.pairs.get(name))
    }

    /// The value of a variable, as [`get`](Self::get) returns it, if it is UTF-8.
    pub fn get_str(&self, name: impl AsRef<[u8]>) -> Option<&str> {
        self.get(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The client's address: REMOTE_ADDR and REMOTE_PORT (RFC 3875 §4.1.8). `None` if that is not an IP address, as for a
    /// client that reached the web server over a Unix socket. Brackets and a zone (`fe80::1%eth0`) are dropped. If the port is
    /// missing or invalid, the one in REMOTE_ADDR counts (`192.0.2.1:4711`), else 0.
    #[must_use]
    pub const fn client_addr(&self) -> Option<SocketAddr> {
        self.client
    }

    /// The address at which the web server received the request: SERVER_ADDR, which is not in RFC 3875, and SERVER_PORT. `None`
    /// unless both are an IP address and a port. Parsed as [`client_addr`](Self::client_addr).
    #[must_use]
    pub fn server_addr(&self) -> Option<SocketAddr> {
        server_of(&self.pairs)
    }

    /// The scheme of the client's request: `https` if HTTPS has any value but an empty one, `off` and `0`; without HTTPS, the
    /// value of REQUEST_SCHEME; else `http`. Neither is a variable of RFC 3875; web servers send one or the other.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        let https = match self.get("HTTPS") {
            Some(value) => !value.is_empty() && !value.eq_ignore_ascii_case(b"off") && value != b"0",
            None => self.get("REQUEST_SCHEME").is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"https")),
        };
        if https { Scheme::HTTPS } else { Scheme::HTTP }
    }

    /// The version of HTTP that the client used: SERVER_PROTOCOL (RFC 3875 §4.1.16). `None` if that is missing or not a
    /// version of HTTP, as `INCLUDED` in Apache's server-side includes.
    ///
    /// The version of the request itself is always HTTP/1.1, as behind a proxy.
    #[must_use]
    pub fn client_protocol(&self) -> Option<Version> {
        self.get("SERVER_PROTOCOL").and_then(http_version)
    }

    /// What identifies the request in log events.
    #[must_use]
    pub fn summary(&self) -> RequestSummary {
        let (connection, id) = self.stderr.as_ref().map(Stderr::request).unzip();
        RequestSummary::new(self.pairs.clone(), id.flatten(), connection.cloned())
    }

    /// The request's STDERR stream, which the web server writes to its error log. `None` for params that were made by hand.
    #[must_use]
    pub fn stderr(&self) -> Option<Stderr> {
        self.stderr.clone()
    }
}

impl PartialEq for Params {
    /// Compares the pairs only: the client's address is parsed from them, and the role and STDERR are not meta-variables.
    fn eq(&self, other: &Self) -> bool {
        self.pairs == other.pairs
    }
}

impl Eq for Params {}

impl Deref for Params {
    type Target = fcgi_core::Params;

    fn deref(&self) -> &fcgi_core::Params {
        &self.pairs
    }
}

impl From<fcgi_core::Params> for Params {
    fn from(pairs: fcgi_core::Params) -> Self {
        let client = client_of(&pairs);
        Self { pairs, role: Role::RESPONDER, client, stderr: None }
    }
}

impl Default for Params {
    fn default() -> Self {
        fcgi_core::Params::default().into()
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Params {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        pairs.into_iter().collect::<fcgi_core::Params>().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_values_the_one_that_counts_is_given() {
        let params: Params = [
            ("REMOTE_USER", "a"),
            ("CONTENT_TYPE", ""),
            ("HTTP_HOST", "example.org"),
            ("HTTP_X", ""),
            ("CONTENT_TYPE", "text/a"),
            ("REMOTE_USER", "b"),
            ("HTTP_X", "2"),
            ("HTTP_HOST", "example.org:8080"),
            ("CONTENT_TYPE", "text/b"),
            ("HTTP_AUTHORIZATION", "a"),
            ("HTTP_AUTHORIZATION", "b"),
        ]
        .into_iter()
        .collect();
        for (name, value) in [
            ("REMOTE_USER", Some("b")),
            ("CONTENT_TYPE", Some("text/a")),
            ("HTTP_HOST", Some("example.org:8080")),
            ("HTTP_AUTHORIZATION", Some("b")),
            ("HTTP_X", Some("")),
            ("HTTP_Y", None),
        ] {
            assert_eq!(params.get_str(name), value, "{name}");
            assert_eq!(params.get(name), value.map(str::as_bytes), "{name}");
        }
        let empty: Params = [("CONTENT_TYPE", "")].into_iter().collect();
        assert_eq!(empty.get("CONTENT_TYPE"), Some(&b""[..]));
    }

    #[test]
    fn https_on_1_off_or_empty_decides_the_scheme() {
        for (pairs, scheme) in [
            (&[("HTTPS", "on")][..], Scheme::HTTPS),
            (&[("HTTPS", "1")], Scheme::HTTPS),
            (&[("HTTPS", "ON"), ("REQUEST_SCHEME", "http")], Scheme::HTTPS),
            (&[("HTTPS", "off"), ("REQUEST_SCHEME", "https")], Scheme::HTTP),
            (&[("HTTPS", "OFF")], Scheme::HTTP),
            (&[("HTTPS", "0")], Scheme::HTTP),
            (&[("HTTPS", "")], Scheme::HTTP),
            (&[("REQUEST_SCHEME", "https")], Scheme::HTTPS),
            (&[("REQUEST_SCHEME", "http")], Scheme::HTTP),
            (&[("HTTP_HTTPS", "on")], Scheme::HTTP),
            (&[], Scheme::HTTP),
        ] {
            let params: Params = pairs.iter().copied().collect();
            assert_eq!(params.scheme(), scheme, "{pairs:?}");
        }
    }
}
