//! Notifies systemd, for units with `Type=notify`.

use sd_notify::NotifyState;

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
