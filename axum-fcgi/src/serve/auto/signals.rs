//! The signals that end the program.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM, which systemd, Apache's mod_fcgid and lighttpd send, and SIGINT, which a terminal does.
#[derive(Debug)]
pub(super) struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    /// From now on neither of them ends the process by itself.
    pub(super) fn install() -> io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }

    /// Waits for the first. A second one changes nothing: mod_fcgid sends SIGTERM again after a second, and SIGKILL
    /// some seconds later, while a request may still be answered.
    pub(super) async fn received(mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}
