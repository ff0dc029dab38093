//! Accepting connections: errors are waited out, and idle connections make room.
//!
//! Below both `serve`, which accepts, and `listen`, whose listeners report their errors here.

mod accept_log;
mod connections;
mod exhaustion;
mod listener;

pub(crate) use self::accept_log::AcceptLog;
pub(crate) use self::connections::{Connections, TrackedConnection};
#[cfg(unix)]
pub(crate) use self::listener::accept;
pub(crate) use self::listener::accept_next;
