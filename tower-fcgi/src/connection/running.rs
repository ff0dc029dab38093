//! What the connection keeps of a request whose exchange is running.

use std::sync::Arc;

use fcgi_core::Key;
use tracing::Span;

use crate::body::{Cell, Kind};

/// A request that was dispatched and is not answered.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) key: Key,
    /// Its body, if STDIN had not ended when it was dispatched.
    pub(super) body: Option<Arc<Cell>>,
    pub(super) span: Span,
}

impl Drop for Running {
    /// However the connection ends: nobody waits for bytes that do not come.
    fn drop(&mut self) {
        self.end_body(Kind::Disconnected);
    }
}

impl Running {
    /// Nothing more comes into the body.
    pub(super) fn end_body(&self, kind: Kind) {
        if let Some(body) = &self.body {
            body.break_off(kind);
        }
    }
}
