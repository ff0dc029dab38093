//! The signals that stop the program.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM, which systemd, Apache's mod_fcgid and lighttpd send, and SIGINT, which a terminal sends.
#[derive(Debug)]
pub(super) struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    /// Installs handlers: the signals no longer end the process by themselves.
    pub(super) fn install() -> io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }

    /// Waits for the first signal. Further ones are ignored: mod_fcgid sends SIGTERM again after a second, while requests
    /// may still be in flight, and SIGKILL some seconds later.
    pub(super) async fn received(mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}
