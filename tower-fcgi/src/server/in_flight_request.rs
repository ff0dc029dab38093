//! A request in flight: the connection's side of it.

use fcgi_core::{Params, RequestId, RequestKey};
use pin_project_lite::pin_project;
use tracing::Span;

use super::handle::ConnectionHandle;
use super::input_streams::InputStreams;
use super::request_summary::SummaryParts;
use super::response_driver::ResponseDriver;
use super::slow_log::SlowLog;
use crate::body::BodyErrorKind;

/// A request that was dispatched and is not answered yet.
#[derive(Debug)]
pub(super) struct InFlightRequest {
    pub(super) key: RequestKey,
    pub(super) input: InputStreams,
    pub(super) span: Span,
    pub(super) id: RequestId,
    /// For the log.
    pub(super) params: Params,
    /// `None` unless slow requests are logged.
    pub(super) slow_log: Option<Box<SlowLog>>,
}

impl InFlightRequest {
    /// What identifies the request in the log.
    pub(super) const fn summary_parts<'a>(&'a self, connection: &'a ConnectionHandle) -> SummaryParts<'a> {
        SummaryParts { params: &self.params, id: self.id, connection }
    }
}

pin_project! {
    /// A request in flight, and the driver of its response.
    #[project = DispatchedProj]
    pub(super) struct Dispatched<F, B> {
        pub(super) request: InFlightRequest,
        #[pin]
        pub(super) response: ResponseDriver<F, B>,
    }
}

impl Drop for InFlightRequest {
    /// Fails the body: a handler in another task must not wait forever, however the connection ends.
    fn drop(&mut self) {
        self.input.fail(BodyErrorKind::Disconnected);
        if let Some(slow_log) = &self.slow_log {
            slow_log.ended();
        }
    }
}
