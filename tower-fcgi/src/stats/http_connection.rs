//! Counts a connection over HTTP.

use std::fmt;

use super::handle::Stats;
use super::recording::Recording;
use super::snapshot::CloseReason;

/// A connection over HTTP that counts as open until this is dropped: see [`Stats::open_http_connection`].
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
