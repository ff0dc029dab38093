//! The events that are logged at most every 10 s.

use fcgi_core::ForeignProtocol;

use crate::log_throttle::LogThrottle;

/// The throttles of the events that a peer, a web server or not, can repeat without end.
#[derive(Debug, Default)]
pub(crate) struct LogThrottles {
    /// Requests over [`Limits::max_concurrent_requests`](crate::Limits::max_concurrent_requests).
    pub(super) overload: LogThrottle,
    /// Responses that the web server did not read.
    pub(super) given_up: LogThrottle,
    /// Connections of another protocol. One for each, so that a scanner does not hide a web server.
    foreign_protocols: [LogThrottle; 7],
}

impl LogThrottles {
    pub(super) const fn foreign_protocol(&self, protocol: ForeignProtocol) -> &LogThrottle {
        let [http1, http2, tls, scgi, uwsgi, proxy, others] = &self.foreign_protocols;
        match protocol {
            ForeignProtocol::Http1 => http1,
            ForeignProtocol::Http2 => http2,
            ForeignProtocol::Tls => tls,
            ForeignProtocol::Scgi => scgi,
            ForeignProtocol::Uwsgi => uwsgi,
            ForeignProtocol::Proxy => proxy,
            _ => others,
        }
    }
}
