//! What systemd is told, where a unit of `Type=notify` asks for it.

use sd_notify::NotifyState;

/// The listener is there and connections are accepted.
pub(crate) fn ready() {
    tell(&NotifyState::Ready);
}

/// No more connections are accepted, and those that there are will end.
pub(crate) fn stopping() {
    tell(&NotifyState::Stopping);
}

fn tell(state: &NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(state)) {
        tracing::warn!(%error, %state, "systemd could not be told");
    }
}
