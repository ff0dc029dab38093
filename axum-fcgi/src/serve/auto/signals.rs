//! The signals that stop the program.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::{self, Handle};
use tokio::sync::oneshot;

use super::exit_watchdog::ExitWatchdog;
use super::hangup;

/// What a second SIGTERM does. systemd and containers send one, then SIGKILL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SecondTerm {
    /// It ends the program at once.
    Ends,
    /// mod_fcgid sends SIGTERM again after a second, while requests may still be in flight, and SIGKILL some seconds later.
    Ignored,
}

impl SecondTerm {
    /// For the log line of the first signal.
    pub(super) const fn announcement(self) -> &'static str {
        match self {
            Self::Ends => "; a second Ctrl-C or SIGTERM ends the program at once",
            Self::Ignored => "; a second Ctrl-C ends the program at once",
        }
    }
}

/// Waits for a signal, in a thread of its own: handlers that block all threads of the runtime do not keep it from stopping.
#[derive(Debug)]
pub(super) struct Signals {
    received: oneshot::Receiver<&'static str>,
    thread: Handle,
}

impl Signals {
    /// Installs handlers: the signals no longer end the process by themselves. The first one arms `watchdog`.
    pub(super) fn install(hangup: hangup::Setting, watchdog: ExitWatchdog) -> io::Result<Self> {
        let hangup = hangup.is_handled().then_some(SIGHUP);
        let mut signals = iterator::Signals::new([SIGTERM, SIGINT].into_iter().chain(hangup))?;
        let thread = signals.handle();
        let (sender, received) = oneshot::channel();
        let wait = move || {
            if let Some(signal) = signals.forever().next() {
                watchdog.arm();
                // The receiver is gone if `serve_auto` was dropped meanwhile.
                let _ = sender.send(match signal {
                    SIGINT => "SIGINT",
                    SIGHUP => "SIGHUP",
                    _ => "SIGTERM",
                });
            }
        };
        thread::Builder::new().name("fcgi-signals".to_owned()).spawn(wait)?;
        Ok(Self { received, thread })
    }

    /// Waits for the first signal, and returns its name: SIGTERM, which systemd and web servers send, SIGINT (Ctrl-C), or SIGHUP,
    /// of a terminal that is closed.
    pub(super) async fn received(mut self) -> &'static str {
        match (&mut self.received).await {
            Ok(signal) => signal,
            // The thread ends without a signal only with `self`.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.thread.close();
    }
}

/// Lets the second Ctrl-C or SIGTERM end the program at once, in the signal's handler itself: nothing can block it. The signal
/// then has its default effect, so that a shell or systemd sees what has ended the program. Set the result when a shutdown has
/// begun for another reason: then the next signal does so.
pub(super) fn end_at_the_second(term: SecondTerm) -> io::Result<Arc<AtomicBool>> {
    let int_seen = Arc::new(AtomicBool::new(false));
    let term_seen = Arc::new(AtomicBool::new(false));
    for (signal, own, other) in [(SIGINT, &int_seen, &term_seen), (SIGTERM, &term_seen, &int_seen)] {
        let ends = signal == SIGINT || term == SecondTerm::Ends;
        if ends {
            flag::register_conditional_default(signal, Arc::clone(own))?;
        }
        flag::register(signal, Arc::clone(own))?;
        if ends {
            // Loaded after `own` is stored: two threads may run both handlers at the same time, and one of them has to see the other.
            flag::register_conditional_default(signal, Arc::clone(other))?;
        }
    }
    Ok(int_seen)
}
