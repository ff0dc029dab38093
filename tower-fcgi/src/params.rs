//! What the web server tells of a request.

use std::net::SocketAddr;
use std::ops::Deref;

use crate::cgi::client_of;

/// The meta-variables of a request (RFC 3875 §4.1): all that the web server sent, in its order, as raw bytes.
///
/// They are in the extensions of each request. Derefs to [`fcgi_core::Params`], which has the look-ups; a
/// clone shares the bytes.
///
/// ```
/// use tower_fcgi::Params;
/// let params: Params = [("SERVER_NAME", "example.org"), ("REMOTE_ADDR", "192.0.2.1")].into_iter().collect();
/// assert_eq!(params.get_str("SERVER_NAME"), Some("example.org"));
/// assert_eq!(params.client_addr(), Some("192.0.2.1:0".parse()?));
/// # Ok::<_, std::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params {
    pairs: fcgi_core::Params,
    client: Option<SocketAddr>,
}

impl Params {
    /// `client`: what `pairs` say of it, which the mapping has read in passing.
    pub(crate) const fn new(pairs: fcgi_core::Params, client: Option<SocketAddr>) -> Self {
        Self { pairs, client }
    }

    /// The client's address: REMOTE_ADDR and REMOTE_PORT (RFC 3875 §4.1.8). `None` where that is no IP
    /// address, as with a client that reached the web server by a unix socket. A port that is missing or
    /// wrong is 0.
    #[must_use]
    pub const fn client_addr(&self) -> Option<SocketAddr> {
        self.client
    }
}

impl Deref for Params {
    type Target = fcgi_core::Params;

    fn deref(&self) -> &fcgi_core::Params {
        &self.pairs
    }
}

impl From<fcgi_core::Params> for Params {
    fn from(pairs: fcgi_core::Params) -> Self {
        let client = client_of(&pairs);
        Self { pairs, client }
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Params {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        pairs.into_iter().collect::<fcgi_core::Params>().into()
    }
}
