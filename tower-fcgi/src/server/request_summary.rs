//! What identifies a request in log events.

use std::fmt::{self, Write as _};

use fcgi_core::{Params, RequestId};

use super::handle::ConnectionHandle;

/// Identifies a request in log events: its method, its target, the web server that it came from, its id.
///
/// Each event of this crate at `warn` or `error` that is about a request has these as fields of its own, since a span can be
/// filtered out by its level. [`Params::summary`](crate::Params::summary) returns it for events of an application.
///
/// ```
/// use tower_fcgi::Params;
/// let params: Params = [("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/a?b")].into_iter().collect();
/// let summary = params.summary();
/// assert_eq!(format!("{} {}", summary.method(), summary.uri()), "GET /a?b");
/// ```
#[derive(Debug, Clone)]
pub struct RequestSummary {
    params: Params,
    id: Option<RequestId>,
    /// Knows the peer.
    connection: Option<ConnectionHandle>,
}

/// The most bytes of a value.
const MAX_BYTES: usize = 200;
/// The end of a value that was longer.
const ELLIPSIS: &str = "...";

impl RequestSummary {
    pub(crate) const fn new(
        params: Params,
        id: Option<RequestId>,
        connection: Option<ConnectionHandle>,
    ) -> Self {
        Self { params, id, connection }
    }

    /// A request of which only the connection is known: its PARAMS were not received.
    pub(crate) fn unknown(connection: &ConnectionHandle) -> Self {
        Self::new(Params::default(), None, Some(connection.clone()))
    }

    /// REQUEST_METHOD. Bytes other than printable ASCII are escaped.
    pub fn method(&self) -> impl fmt::Display {
        self.value("REQUEST_METHOD")
    }

    /// REQUEST_URI: the client's target, as in the web server's log, or SCRIPT_NAME if that is missing. At most 200 bytes;
    /// bytes other than printable ASCII are escaped.
    pub fn uri(&self) -> impl fmt::Display {
        let uri = self.value("REQUEST_URI");
        if uri.0.is_empty() { self.value("SCRIPT_NAME") } else { uri }
    }

    /// The web server that the connection is from, as [`Connection::peer`](crate::Connection::peer) was told. `None` if it was
    /// not, or for a CGI program.
    #[must_use]
    pub fn peer(&self) -> Option<String> {
        self.connection.as_ref()?.peer_name()
    }

    /// The request's id on its connection (FastCGI §3.3). `None` in a CGI program.
    #[must_use]
    pub const fn id(&self) -> Option<u16> {
        match self.id {
            Some(RequestId(id)) => Some(id),
            None => None,
        }
    }

    /// The web server's own id of the request, if it sends one: REQUEST_ID, or else UNIQUE_ID. At most 200 bytes, escaped.
    #[must_use]
    pub fn request_id(&self) -> Option<String> {
        let names = ["REQUEST_ID", "UNIQUE_ID"].into_iter();
        let mut values = names.map(|name| self.value(name)).filter(|value| !value.0.is_empty());
        values.next().map(|value| value.to_string())
    }

    fn value(&self, name: &str) -> Escaped<'_> {
        Escaped(self.params.get(name).unwrap_or_default())
    }
}

/// Bytes of a client, for a log: escaped, and not too many.
struct Escaped<'a>(&'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escaped = || self.0.iter().copied().map(std::ascii::escape_default);
        let mut left = match escaped().map(|byte| byte.len()).sum() {
            0..=MAX_BYTES => MAX_BYTES,
            _ => MAX_BYTES - ELLIPSIS.len(),
        };
        for byte in escaped() {
            let Some(rest) = left.checked_sub(byte.len()) else { return f.write_str(ELLIPSIS) };
            left = rest;
            for byte in byte {
                f.write_char(char::from(byte))?;
            }
        }
        Ok(())
    }
}

/// Logs an event about a request, with the fields that identify it.
macro_rules! request_event {
    ($level:ident, $summary:expr, $($event:tt)+) => {{
        let summary: &$crate::server::RequestSummary = $summary;
        tracing::$level!(
            method = %summary.method(),
            uri = %summary.uri(),
            peer = summary.peer(),
            id = summary.id(),
            request_id = summary.request_id(),
            $($event)+
        );
    }};
}

pub(crate) use request_event;

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(uri: &[u8]) -> String {
        let params = [(&b"REQUEST_URI"[..], uri)].into_iter().collect();
        RequestSummary::new(params, None, None).uri().to_string()
    }

    #[test]
    fn a_target_has_at_most_200_bytes() {
        for len in [0, 1, 199, 200] {
            assert_eq!(uri("x".repeat(len).as_bytes()), "x".repeat(len));
        }
        for len in [201, 70_000] {
            assert_eq!(uri("x".repeat(len).as_bytes()), format!("{}...", "x".repeat(197)));
        }
        assert_eq!(uri(b"/a\nb\"\xff"), r#"/a\nb\"\xff"#);
        let long = uri("\u{fc}".repeat(300).as_bytes());
        assert!(long.len() <= MAX_BYTES && long.ends_with("xc3..."), "{long}");
    }

    #[test]
    fn without_a_request_uri_the_script_is_named() {
        let params = [("SCRIPT_NAME", "/app"), ("UNIQUE_ID", "u"), ("REQUEST_ID", "")].into_iter().collect();
        let summary = RequestSummary::new(params, Some(RequestId(7)), None);
        assert_eq!((summary.uri().to_string(), summary.id(), summary.peer()), ("/app".into(), Some(7), None));
        assert_eq!(summary.request_id().as_deref(), Some("u"));
    }
}
