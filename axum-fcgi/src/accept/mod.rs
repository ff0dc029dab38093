//! Accepts connections: retries after errors, and closes idle connections to make room.
//!
//! Used by both `serve`, which accepts, and `listen`, whose listeners report their errors here.

mod accept_log;
mod connections;
mod exhaustion;
mod handle;
mod http_handle;
mod listener;

pub(crate) use self::accept_log::{AcceptLog, count_refused};
pub(crate) use self::connections::{Connections, TrackedConnection, TrackedGuard};
pub(crate) use self::http_handle::{HttpHandle, ReadWait};
pub(crate) use self::listener::{accept, accept_next};
