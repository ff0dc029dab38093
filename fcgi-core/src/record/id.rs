//! The id of a request on the wire.

use core::fmt;

/// A request id (FastCGI §3.3), chosen by the web server and repeated in all records of the request.
///
/// Ids are reused: a web server may give the id of an answered request to the next one. A
/// [`RequestKey`](crate::RequestKey) is not reused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u16);

impl RequestId {
    /// The null id, for management records (§3.3).
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
