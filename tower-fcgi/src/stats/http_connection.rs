//! Counts a connection over HTTP.

use std::fmt;

use super::handle::Stats;
use super::recording::Recording;
use super::snapshot::CloseReason;

/// A connection over HTTP that counts as open until this is dropped: see [`Stats::open_http_connection`].
///
/// ```
/// use tower_fcgi::stats::{HttpConnection, Stats};
/// let stats = Stats::new();
/// let mut connection: HttpConnection = stats.open_http_connection(&"192.0.2.1:1024");
/// connection.upgraded();
/// assert_eq!(stats.snapshot().connections.open.current, 1);
/// drop(connection);
/// assert_eq!(stats.snapshot().connections.closed.http, 1);
/// ```
#[derive(Debug)]
pub struct HttpConnection(
    /// `None` only in the drop.
    Option<Box<Recording>>,
);

impl HttpConnection {
    pub(super) fn new(stats: &Stats, peer: &dyn fmt::Debug) -> Self {
        let recording = Recording::new(stats);
        recording.set_peer(peer);
        Self(Some(Box::new(recording)))
    }

    /// Its request was upgraded. Counted once.
    pub fn upgraded(&mut self) {
        if let Some(recording) = &mut self.0 {
            recording.upgraded_http();
        }
    }
}

impl Drop for HttpConnection {
    fn drop(&mut self) {
        if let Some(recording) = self.0.take() {
            recording.closed(Some(CloseReason::Http));
        }
    }
}
