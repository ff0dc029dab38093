//! The response driver's side of an upgrade.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::channel::UpgradeChannel;

/// Accepts or refuses the upgrade, and receives the bytes for STDOUT. Its drop ends the stream, or refuses the upgrade.
#[derive(Debug)]
pub(crate) struct UpgradeOutput(Arc<UpgradeChannel>);

impl UpgradeOutput {
    pub(super) const fn new(channel: Arc<UpgradeChannel>) -> Self {
        Self(channel)
    }

    /// Whether a handler still holds the offer.
    pub(crate) fn is_held(&self) -> bool {
        self.0.is_held()
    }

    /// Whether STDIN has ended before the upgrade was accepted.
    pub(crate) fn is_refused(&self) -> bool {
        self.0.is_refused()
    }

    /// Accepts the upgrade: the head with the 101 was written.
    pub(crate) fn accept(&self) {
        self.0.accept();
    }

    /// Polls for the bytes that the application has written. `None`: its direction has ended.
    pub(crate) fn poll_output(&self, cx: &Context<'_>) -> Poll<Option<Bytes>> {
        self.0.poll_output(cx)
    }
}

impl Drop for UpgradeOutput {
    fn drop(&mut self) {
        self.0.close();
    }
}
