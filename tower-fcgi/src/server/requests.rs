//! Handles the events of a request other than its handler's response: its body, aborts, rejections and timeouts.

use fcgi_core::RequestKey;
use fcgi_core::server::{Connection, RejectReason};
use http::{Response, StatusCode};
use http_body::Body;

use super::error_log::DeferredLog;
use super::failure::{BoxError, Failure};
use super::handle::ConnectionHandle;
use super::in_flight::InFlight;
use super::oneshot::ServiceCall;
use super::request_summary::{RequestSummary, Summarize};
use super::response_driver::{ResponseProgress, complete};
use super::response_writer::DirectWriter;
use crate::body::BodyErrorKind;
use crate::cgi::ErrorBody;

/// Controls the requests of a connection: their state in the protocol, and the handlers of those in flight.
pub(super) struct RequestControl<'a, F, B> {
    pub(super) protocol: &'a mut Connection,
    pub(super) in_flight: &'a mut InFlight<F, B>,
    /// Bytes of unwritten output at which a response pauses.
    pub(super) max_write_buffer: usize,
    pub(super) connection: &'a ConnectionHandle,
}

impl<F, B> RequestControl<'_, F, B>
where
    F: ServiceCall<Output = Result<Response<B>, Failure>>,
    B: Body<Error: Into<BoxError>>,
{
    /// Moves the received bytes of a body to its handler.
    pub(super) fn receive_body(&mut self, key: RequestKey, max_body_bytes: u64) {
        let Some(request) = self.in_flight.find(key) else { return };
        let received = request.input.receive(self.protocol, key);
        self.in_flight.record_received(key);
        if received <= max_body_bytes {
            return;
        }
        if self.is_not_started(key) {
            self.fail(key, &Failure::BodyTooLarge, BodyErrorKind::TooLarge);
        } else if let Some(request) = self.in_flight.find(key) {
            request.input.fail(BodyErrorKind::TooLarge);
            let _ = self.protocol.discard_body(key);
        }
    }

    /// Handles ABORT_REQUEST (FastCGI §5.4): drops the handler, and sends END_REQUEST unless that would make an incomplete
    /// response look complete.
    pub(super) fn abort(&mut self, key: RequestKey) {
        self.cancel(key, BodyErrorKind::Aborted);
        self.in_flight.recorder().aborted(key);
        let _ = match self.protocol.replace_response(key, b"") {
            Ok(true) => self.protocol.end_request(key, 0),
            Ok(false) => self.protocol.abandon_response(key),
            Err(closed) => Err(closed),
        };
    }

    /// Answers a request that the protocol has rejected.
    pub(super) fn reject(&mut self, key: RequestKey, reason: RejectReason) {
        let reason = match reason {
            RejectReason::TooManyBytes => "PARAMS exceed the limit of bytes",
            _ => "PARAMS exceed the limit of variables",
        };
        let failure = Failure::Request(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, reason);
        self.answer_unknown(key, &failure);
    }

    /// Fails a request whose PARAMS were not received in time.
    pub(super) fn on_head_timeout(&mut self, key: RequestKey) {
        if self.protocol.reject(key).is_ok() {
            self.answer_unknown(key, &Failure::HeadTimeout);
        }
    }

    /// Handles the read timeout of a body: nothing was received for too long. Fails the request if its handler waits for the
    /// body; else the handler's next read of the body returns an error.
    pub(super) fn on_body_timeout(&mut self, key: RequestKey) {
        let Some(request) = self.in_flight.find(key) else { return };
        if request.input.reader_is_waiting() && self.is_not_started(key) {
            self.fail(key, &Failure::BodyStalled, BodyErrorKind::ReadTimeout);
        } else {
            request.input.fail(BodyErrorKind::ReadTimeout);
        }
    }

    /// Fails the request with the most unread bytes: unread bodies have paused the input for too long.
    pub(super) fn on_body_stall(&mut self) {
        if let Some(key) = self.protocol.largest_unread() {
            self.fail(key, &Failure::BodyNotConsumed, BodyErrorKind::Evicted);
        }
    }

    /// Drops the handler of a request, and completes its response with the failure.
    pub(super) fn fail(&mut self, key: RequestKey, failure: &Failure, kind: BodyErrorKind) {
        let error_body = self.in_flight.progress(key).error_body();
        let summary =
            self.in_flight.find(key).map(|request| request.summary_parts(self.connection).summary());
        self.cancel(key, kind);
        match summary {
            Some(summary) => self.answer(key, failure, error_body, &summary),
            None => self.answer_unknown(key, failure),
        }
    }

    /// Cancels all handlers: the peer is gone.
    pub(super) fn cancel_all(&mut self) {
        let kind = BodyErrorKind::Disconnected;
        self.in_flight.cancel_all(kind, self.protocol, self.max_write_buffer, self.connection);
    }

    /// Drops the handler of a request, if any, and fails its body.
    fn cancel(&mut self, key: RequestKey, kind: BodyErrorKind) {
        self.in_flight.cancel(key, kind, self.protocol, self.max_write_buffer, self.connection);
    }

    /// Answers a request whose PARAMS were not received.
    fn answer_unknown(&mut self, key: RequestKey, failure: &Failure) {
        self.answer(key, failure, ErrorBody::None, &RequestSummary::unknown(self.connection));
    }

    /// Answers a request that no handler has.
    fn answer(
        &mut self,
        key: RequestKey,
        failure: &Failure,
        error_body: ErrorBody,
        summary: &RequestSummary,
    ) {
        let mut writer = DirectWriter::new(self.protocol, key, self.max_write_buffer, summary);
        complete(failure, error_body, DeferredLog::default(), &mut writer);
        let report = writer.into_report();
        self.in_flight.recorder().answered(key, &report);
    }

    /// Whether no byte of the response was queued in the protocol.
    fn is_not_started(&self, key: RequestKey) -> bool {
        matches!(self.in_flight.progress(key), ResponseProgress::NotStarted(_))
    }
}
