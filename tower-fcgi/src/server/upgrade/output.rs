//! The response driver's side of an upgrade.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::channel::UpgradeChannel;
use super::support::Support;

/// Accepts or refuses the upgrade, and receives the bytes for STDOUT. Its drop ends the stream, or refuses the upgrade.
#[derive(Debug)]
pub(crate) struct UpgradeOutput {
    channel: Arc<UpgradeChannel>,
    support: Support,
}

impl UpgradeOutput {
    pub(super) const fn new(channel: Arc<UpgradeChannel>, support: Support) -> Self {
        Self { channel, support }
    }

    /// Whether an open STDIN means that the web server carries the upgrade.
    pub(crate) const fn support(&self) -> Support {
        self.support
    }

    /// Whether a handler still holds the offer.
    pub(crate) fn is_held(&self) -> bool {
        self.channel.is_held()
    }

    /// Whether STDIN has ended before the upgrade was accepted.
    pub(crate) fn is_refused(&self) -> bool {
        self.channel.is_refused()
    }

    /// Accepts the upgrade: the head with the 101 was written.
    pub(crate) fn accept(&self) {
        self.channel.accept();
    }

    /// Polls for the bytes that the application has written. `None`: its direction has ended.
    pub(crate) fn poll_output(&self, cx: &Context<'_>) -> Poll<Option<Bytes>> {
        self.channel.poll_output(cx)
    }
}

impl Drop for UpgradeOutput {
    fn drop(&mut self) {
        self.channel.close();
    }
}
