//! A handle on an open connection of either protocol.

use std::time::Duration;

use tower_fcgi::ConnectionHandle;

use super::http_handle::HttpHandle;

#[derive(Debug, Clone)]
pub(crate) enum Handle {
    FastCgi(ConnectionHandle),
    Http(HttpHandle),
}

impl From<ConnectionHandle> for Handle {
    fn from(handle: ConnectionHandle) -> Self {
        Self::FastCgi(handle)
    }
}

impl From<HttpHandle> for Handle {
    fn from(handle: HttpHandle) -> Self {
        Self::Http(handle)
    }
}

impl Handle {
    /// The time in which the connection can close without losing a request. `None`: it cannot. An HTTP connection is opened for
    /// a request and is never idle after it.
    pub(super) fn closes_within(&self) -> Option<Duration> {
        match self {
            Self::FastCgi(handle) => handle.closes_within(),
            Self::Http(_) => None,
        }
    }

    pub(super) fn idle_for(&self) -> Option<Duration> {
        match self {
            Self::FastCgi(handle) => handle.idle_for(),
            Self::Http(_) => None,
        }
    }

    /// The peer, for the log.
    pub(super) fn peer_name(&self) -> Option<String> {
        match self {
            Self::FastCgi(handle) => handle.peer_name(),
            Self::Http(handle) => Some(handle.peer_name().to_owned()),
        }
    }

    pub(super) fn is_upgraded_over_http(&self) -> bool {
        matches!(self, Self::Http(handle) if handle.is_upgraded())
    }

    pub(super) fn close_if_idle(&self) {
        if let Self::FastCgi(handle) = self {
            handle.close_if_idle();
        }
    }

    pub(super) fn graceful_shutdown(&self) {
        match self {
            Self::FastCgi(handle) => handle.graceful_shutdown(),
            Self::Http(handle) => handle.graceful_shutdown(),
        }
    }

    pub(super) fn abort(&self) {
        match self {
            Self::FastCgi(handle) => handle.abort(),
            Self::Http(handle) => handle.abort(),
        }
    }
}
