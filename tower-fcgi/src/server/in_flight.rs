//! What the connection keeps of a request whose exchange is running.

use std::sync::Arc;

use fcgi_core::{RequestKey, Role};
use tracing::Span;

use crate::body::{BodyChannel, BodyErrorKind};

/// A request that was dispatched and is not answered.
#[derive(Debug)]
pub(super) struct InFlightRequest {
    pub(super) key: RequestKey,
    /// Its body, if STDIN had not ended when it was dispatched.
    pub(super) body: Option<Arc<BodyChannel>>,
    /// A Filter's DATA, if they had not ended either.
    pub(super) data: Option<Arc<BodyChannel>>,
    pub(super) role: Role,
    pub(super) span: Span,
}

impl Drop for InFlightRequest {
    /// However the connection ends: nobody waits for bytes that do not come.
    fn drop(&mut self) {
        self.fail_body(BodyErrorKind::Disconnected);
    }
}

impl InFlightRequest {
    /// Whether more of its streams may come.
    pub(super) fn expects_more(&self) -> bool {
        [&self.body, &self.data].into_iter().flatten().any(|stream| stream.is_open())
    }

    /// Whether its handler waits for one of its streams.
    pub(super) fn reader_is_waiting(&self) -> bool {
        [&self.body, &self.data].into_iter().flatten().any(|stream| stream.reader_is_waiting())
    }

    /// Nothing more comes into the body, nor into the DATA.
    pub(super) fn fail_body(&self, kind: BodyErrorKind) {
        for stream in [&self.body, &self.data].into_iter().flatten() {
            stream.fail(kind);
        }
    }
}
