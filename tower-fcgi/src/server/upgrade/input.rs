//! The connection's side of an upgrade's input.

use std::collections::VecDeque;
use std::sync::Arc;

use super::channel::UpgradeChannel;
use super::unsupported::WebSocketWarning;
use crate::body::{InputChannel, SendOutcome};

/// Receives STDIN of an upgradable request.
#[derive(Debug)]
pub(crate) struct UpgradeInput {
    stdin: Arc<InputChannel>,
    upgrade: Arc<UpgradeChannel>,
    warning: Option<WebSocketWarning>,
}

impl UpgradeInput {
    pub(super) const fn new(
        stdin: Arc<InputChannel>,
        upgrade: Arc<UpgradeChannel>,
        warning: Option<WebSocketWarning>,
    ) -> Self {
        Self { stdin, upgrade, warning }
    }

    pub(crate) const fn stdin(&self) -> &Arc<InputChannel> {
        &self.stdin
    }

    /// Refuses the upgrade if STDIN has ended before it was accepted: the web server does not carry it.
    pub(crate) fn refuse_if_ended(&self) {
        if !self.stdin.is_open()
            && self.upgrade.refuse()
            && self.stdin.is_complete()
            && let Some(warning) = &self.warning
        {
            warning.log();
        }
    }

    /// Ends the client's direction cleanly, for a graceful shutdown.
    pub(crate) fn end(&self) {
        self.stdin.send(&mut VecDeque::new(), SendOutcome::Last);
    }
}
