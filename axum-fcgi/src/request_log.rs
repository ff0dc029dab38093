//! What identifies a request in log events, however it came.

use std::net::SocketAddr;

use axum::extract::OriginalUri;
use axum::http::{Extensions, Method, Uri};
use tower_fcgi::{Params, RequestSummary};

use crate::connection_addrs::peer_addr;

/// Identifies a request that a service has taken. Cheap to make: it is formatted only for a log line.
#[derive(Debug, Clone)]
pub(crate) enum RequestLog {
    FastCgi(RequestSummary),
    Http { method: Method, uri: Uri, peer: Option<SocketAddr> },
}

impl RequestLog {
    pub(crate) fn of<B>(request: &axum::http::Request<B>) -> Self {
        Self::from_parts(request.method(), request.uri(), request.extensions())
    }

    pub(crate) fn from_parts(method: &Method, uri: &Uri, extensions: &Extensions) -> Self {
        if let Some(params) = extensions.get::<Params>() {
            return Self::FastCgi(params.summary());
        }
        let uri = extensions.get().map_or(uri, |OriginalUri(original)| original).clone();
        Self::Http { method: method.clone(), uri, peer: peer_addr(extensions) }
    }
}

/// Identifies a request for a log line.
pub(crate) trait Summarize {
    fn summarize(&self) -> RequestSummary;
}

impl Summarize for RequestSummary {
    fn summarize(&self) -> RequestSummary {
        self.clone()
    }
}

impl Summarize for RequestLog {
    fn summarize(&self) -> RequestSummary {
        match self {
            Self::FastCgi(summary) => summary.clone(),
            Self::Http { method, uri, peer } => {
                let uri = uri.to_string();
                let params = [("REQUEST_METHOD", method.as_str()), ("REQUEST_URI", &*uri)];
                let summary = params.into_iter().collect::<Params>().summary();
                match peer {
                    Some(peer) => summary.with_peer(peer.to_string()),
                    None => summary,
                }
            }
        }
    }
}

/// Logs an event about a request, with the fields that identify it.
macro_rules! request_event {
    ($level:ident, $request:expr, $($event:tt)+) => {{
        let summary = $crate::request_log::Summarize::summarize(&*$request);
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
    use axum::extract::ConnectInfo;
    use axum::http::Request;

    use super::*;
    use crate::ConnectionAddrs;

    #[test]
    fn the_peer_is_found_with_either_connect_info() {
        let [client, server] = [1, 2].map(|port| SocketAddr::from(([192, 0, 2, 1], port)));
        let mut request = Request::new(());
        assert_eq!(RequestLog::of(&request).summarize().peer(), None);
        request.extensions_mut().insert(ConnectInfo(client));
        assert_eq!(RequestLog::of(&request).summarize().peer().as_deref(), Some("192.0.2.1:1"));
        let mut request = Request::new(());
        request.extensions_mut().insert(ConnectInfo(ConnectionAddrs::new(client, server)));
        assert_eq!(RequestLog::of(&request).summarize().peer().as_deref(), Some("192.0.2.1:1"));
    }
}
