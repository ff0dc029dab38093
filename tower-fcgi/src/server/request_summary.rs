//! What identifies a request in log events.

use std::fmt;

use fcgi_core::{Params, RequestId};

use super::handle::ConnectionHandle;
use crate::escaped::Escaped;

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
    peer: Peer,
}

#[derive(Debug, Clone)]
enum Peer {
    Unknown,
    /// The connection knows it.
    Connection(ConnectionHandle),
    Named(Box<str>),
}

impl RequestSummary {
    pub(crate) fn new(params: Params, id: Option<RequestId>, connection: Option<ConnectionHandle>) -> Self {
        let peer = match connection {
            Some(connection) => Peer::Connection(connection),
            None => Peer::Unknown,
        };
        Self { params, id, peer }
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
        match &self.peer {
            Peer::Unknown => None,
            Peer::Connection(connection) => connection.peer_name(),
            Peer::Named(name) => Some(name.to_string()),
        }
    }

    /// Sets the peer, for a request that did not come over FastCGI: see [`Params`](crate::Params) for how to make one.
    #[must_use]
    pub fn with_peer(mut self, peer: impl Into<Box<str>>) -> Self {
        self.peer = Peer::Named(peer.into());
        self
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

/// What a [`RequestSummary`] can be made of. It is only made for a line of the log, because it costs each request something.
pub(crate) trait Summarize: fmt::Debug {
    fn summary(&self) -> RequestSummary;
}

/// The parts of a summary, borrowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct SummaryParts<'a> {
    pub(super) params: &'a Params,
    pub(super) id: RequestId,
    pub(super) connection: &'a ConnectionHandle,
}

impl Summarize for SummaryParts<'_> {
    #[cold]
    fn summary(&self) -> RequestSummary {
        RequestSummary::new(self.params.clone(), Some(self.id), Some(self.connection.clone()))
    }
}

impl Summarize for RequestSummary {
    fn summary(&self) -> RequestSummary {
        self.clone()
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

    #[test]
    fn without_a_request_uri_the_script_is_named() {
        let params = [("SCRIPT_NAME", "/app"), ("UNIQUE_ID", "u"), ("REQUEST_ID", "")].into_iter().collect();
        let summary = RequestSummary::new(params, Some(RequestId(7)), None);
        assert_eq!((summary.uri().to_string(), summary.id(), summary.peer()), ("/app".into(), Some(7), None));
        assert_eq!(summary.request_id().as_deref(), Some("u"));
    }
}
