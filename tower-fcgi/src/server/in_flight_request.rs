//! What the connection keeps of a request that a handler answers.

use fcgi_core::RequestKey;
use pin_project_lite::pin_project;
use tracing::Span;

use super::input_streams::InputStreams;
use super::response_driver::ResponseDriver;
use crate::body::BodyErrorKind;

/// A request that was dispatched and is not answered.
#[derive(Debug)]
pub(super) struct InFlightRequest {
    pub(super) key: RequestKey,
    pub(super) input: InputStreams,
    pub(super) span: Span,
}

pin_project! {
    /// A request in flight, and the response that a handler owes it.
    #[project = DispatchedProj]
    pub(super) struct Dispatched<F, B> {
        pub(super) request: InFlightRequest,
        #[pin]
        pub(super) response: ResponseDriver<F, B>,
    }
}

impl Drop for InFlightRequest {
    /// However the connection ends, a handler in another task must not wait for bytes that never come.
    fn drop(&mut self) {
        self.input.fail(BodyErrorKind::Disconnected);
    }
}
