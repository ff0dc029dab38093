//! Notifies systemd, for units with `Type=notify` and `WatchdogSec=`.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::task::AbortHandle;

/// Notifies systemd that the listener is bound and connections are accepted.
pub(super) fn ready() {
    notify(&NotifyState::Ready);
}

/// Notifies systemd that no more connections are accepted and the open ones end.
pub(super) fn stopping() {
    notify(&NotifyState::Stopping);
}

fn notify(state: &NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(state)) {
        tracing::warn!(%error, %state, "notifying systemd failed");
    }
}

/// Answers systemd's watchdog (`WatchdogSec=`) until it is dropped.
///
/// It runs in a task, so that a runtime whose threads are all blocked does not answer: systemd then restarts the program.
#[derive(Debug)]
pub(super) struct Watchdog(Option<AbortHandle>);

impl Watchdog {
    /// Starts the task if systemd expects it.
    pub(super) fn start() -> Self {
        let interval = sd_notify::watchdog_enabled().filter(|interval| !interval.is_zero());
        // systemd's manual recommends half of the interval.
        Self(interval.map(|interval| tokio::spawn(answer(interval / 2)).abort_handle()))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

async fn answer(interval: Duration) {
    loop {
        notify(&NotifyState::Watchdog);
        tokio::time::sleep(interval).await;
    }
}
