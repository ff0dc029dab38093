//! Notifies systemd, for units with `Type=notify`.

use sd_notify::NotifyState;

/// The listener is bound, and connections are accepted.
pub(super) fn ready() {
    notify(&NotifyState::Ready);
}

/// No more connections are accepted, and the open ones end.
pub(super) fn stopping() {
    notify(&NotifyState::Stopping);
}

fn notify(state: &NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(state)) {
        tracing::warn!(%error, %state, "notifying systemd failed");
    }
}
