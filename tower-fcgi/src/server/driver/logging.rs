//! What a connection logs about its peer and its requests.

use fcgi_core::{ForeignProtocol, RequestKey};

use super::Parts;
use crate::server::error::{Error, LoggedError};
use crate::server::foreign_protocol::advice;
use crate::server::request_summary::{RequestSummary, Summarize, request_event};
use crate::server::service::FcgiService;
use crate::server::slow_log::WaitsFor;
use crate::server::state::State;

impl<IO, S: FcgiService> Parts<'_, IO, S> {
    /// Logs an error of the connection if an operator has to know it. The connection itself logs each one at `debug`.
    #[cold]
    pub(super) fn log_failure(&self, error: &Error) {
        match error.logged() {
            LoggedError::ForeignProtocol(protocol) if *self.state == State::New => {
                self.log_foreign_protocol(protocol);
            }
            LoggedError::GivenUp => self.log_given_up(error),
            LoggedError::Aborted => {
                for request in self.in_flight.requests() {
                    request_event!(
                        warn,
                        &request.summary_parts(self.control.handle()).summary(),
                        "a request was dropped: its connection was aborted"
                    );
                }
            }
            LoggedError::ForeignProtocol(_) | LoggedError::Other => {}
        }
    }

    fn log_foreign_protocol(&self, protocol: ForeignProtocol) {
        if let Some(count) = self.config.throttles.foreign_protocol(protocol).check() {
            tracing::warn!(
                peer = self.control.handle().peer_name(),
                count,
                "a peer speaks {protocol} instead of FastCGI: {}",
                advice(protocol)
            );
        }
    }

    fn log_given_up(&self, error: &Error) {
        let Some(count) = self.config.throttles.given_up.check() else { return };
        let connection = self.control.handle();
        // The one whose output is not read, or the only one that is left.
        let request = match self.in_flight.requests().next() {
            Some(request) => request.summary_parts(connection).summary(),
            None => RequestSummary::unknown(connection),
        };
        request_event!(warn, &request, count, %error, "a response was given up");
    }

    /// Logs requests that the protocol has answered, because too many were in flight.
    #[cold]
    pub(super) fn log_overload(&self, requests: u32) {
        if let Some(count) = self.config.throttles.overload.check_many(requests.into()) {
            tracing::warn!(
                peer = self.control.handle().peer_name(),
                count,
                max_concurrent_requests = self.protocol.config().limits.max_concurrent_requests,
                "requests over max_concurrent_requests of their connection were rejected: raise \
                 Limits::max_concurrent_requests, or let the web server send fewer at once (HAProxy: max-reqs)"
            );
        }
    }

    #[cold]
    pub(super) fn log_slow_request(&self, key: RequestKey) {
        if let Some(request) = self.in_flight.find(key)
            && let Some(log) = &request.slow_log
        {
            let is_full = self.protocol.output_len() >= self.config.max_write_buffer;
            let waits_for = WaitsFor::of(request, self.in_flight.progress(key), is_full);
            log.log(waits_for);
        }
    }
}
