//! What the connection keeps of a request whose exchange is running.

use std::sync::Arc;

use fcgi_core::{Key, Role};
use tracing::Span;

use crate::body::{Cell, Kind};

/// A request that was dispatched and is not answered.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) key: Key,
    /// Its body, if STDIN had not ended when it was dispatched.
    pub(super) body: Option<Arc<Cell>>,
    /// A Filter's DATA, if they had not ended either.
    pub(super) data: Option<Arc<Cell>>,
    pub(super) role: Role,
    pub(super) span: Span,
}

impl Drop for Running {
    /// However the connection ends: nobody waits for bytes that do not come.
    fn drop(&mut self) {
        self.end_body(Kind::Disconnected);
    }
}

impl Running {
    /// Whether more of its streams may come.
    pub(super) fn expects_more(&self) -> bool {
        [&self.body, &self.data].into_iter().flatten().any(|stream| stream.is_open())
    }

    /// Whether its handler waits for one of its streams.
    pub(super) fn is_awaited(&self) -> bool {
        [&self.body, &self.data].into_iter().flatten().any(|stream| stream.is_awaited())
    }

    /// Nothing more comes into the body, nor into the DATA.
    pub(super) fn end_body(&self, kind: Kind) {
        for stream in [&self.body, &self.data].into_iter().flatten() {
            stream.break_off(kind);
        }
    }
}
