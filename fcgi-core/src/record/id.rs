//! The number that tells the requests of one connection apart.

use core::fmt;

/// A request id (FastCGI §3.3), chosen by the web server and echoed in everything that answers it.
///
/// Ids come back: a web server may use the id of an answered request for the next one, so an id names a
/// request only as long as that request lives. What outlives it is a [`RequestKey`](crate::RequestKey).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u16);

impl RequestId {
    /// The null id, which management records carry (§3.3).
    pub const NULL: Self = Self(0);

    /// Whether this is the null id.
    #[must_use]
    pub const fn is_null(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({})", self.0)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
