//! Ends the process if a shutdown does not.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use signal_hook::low_level;
use tracing::Dispatch;

use crate::serve::shutdown::{ABORT_WAIT, Ended};

/// Ends the process, from a thread of its own, if a shutdown exceeds its timeout, or if connections are stuck after it: the
/// runtime waits for handlers that block its threads, so `main` would not return. Clones watch the same shutdown.
#[derive(Debug, Clone)]
pub(super) struct ExitWatchdog(Arc<Watched>);

#[derive(Debug)]
struct Watched {
    /// `None`: a shutdown may take any time.
    limit: Option<Duration>,
    phase: Mutex<Phase>,
    changed: Condvar,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    ShuttingDown,
    /// The shutdown is over, and handlers still block threads.
    Stuck,
    /// The shutdown is over, and dropped handlers may have left blocking work behind.
    Aborted,
    Over,
}

/// The time for aborted connections to end, and for the future to be polled.
const GRACE: Duration = ABORT_WAIT.saturating_mul(3);
/// The time for `main` to end after a shutdown whose handlers block threads.
const AFTER_RETURN: Duration = Duration::from_millis(500);
/// The time for `main` to end after a shutdown that has dropped handlers: the runtime waits for their `spawn_blocking`.
const AFTER_ABORT: Duration = Duration::from_secs(5);
/// The time for the last log line: what a handler blocks may be the log.
const LOG_WAIT: Duration = Duration::from_millis(250);

impl ExitWatchdog {
    pub(super) fn new(limit: Option<Duration>) -> Self {
        let phase = Mutex::new(Phase::Serving);
        Self(Arc::new(Watched { limit, phase, changed: Condvar::new() }))
    }

    /// Starts to watch a shutdown. The first call counts.
    pub(super) fn arm(&self) {
        let Some(limit) = self.0.limit else { return };
        let mut phase = self.0.phase();
        if *phase != Phase::Serving {
            return;
        }
        *phase = Phase::ShuttingDown;
        let watched = Arc::clone(&self.0);
        let dispatch = tracing::dispatcher::get_default(Dispatch::clone);
        let watch = move || {
            if let Some(reason) = watched.wait(limit) {
                end_process(&dispatch, reason);
            }
        };
        if let Err(error) = thread::Builder::new().name("fcgi-exit".to_owned()).spawn(watch) {
            tracing::warn!(%error, "no thread can watch the shutdown, which may exceed its timeout");
        }
    }

    /// The shutdown is over. If connections are stuck, the process ends soon; if any were aborted, a while later.
    pub(super) fn finish(&self, ended: Ended) {
        *self.0.phase() = match ended {
            Ended::All => Phase::Over,
            Ended::Aborted => Phase::Aborted,
            Ended::Stuck => Phase::Stuck,
        };
        self.0.changed.notify_all();
    }
}

/// Ends the watch when `serve_auto` is dropped before its end: the program may go on.
#[derive(Debug)]
pub(super) struct WatchGuard(pub(super) ExitWatchdog);

impl Drop for WatchGuard {
    fn drop(&mut self) {
        let mut phase = self.0.0.phase();
        if !matches!(*phase, Phase::Stuck | Phase::Aborted) {
            *phase = Phase::Over;
        }
        drop(phase);
        self.0.0.changed.notify_all();
    }
}

impl Watched {
    /// Waits for the end of the shutdown. Returns why the process must end.
    fn wait(&self, limit: Duration) -> Option<&'static str> {
        let is_shutting_down = |phase: &mut Phase| *phase == Phase::ShuttingDown;
        let limit = limit.saturating_add(GRACE);
        let waited = self.changed.wait_timeout_while(self.phase(), limit, is_shutting_down);
        let phase = *waited.unwrap_or_else(PoisonError::into_inner).0;
        match phase {
            Phase::Serving | Phase::Over => None,
            Phase::ShuttingDown => Some("the shutdown exceeds its timeout: a handler blocks its thread"),
            Phase::Stuck => {
                thread::sleep(AFTER_RETURN);
                Some("the shutdown is over, and a handler still blocks its thread")
            }
            Phase::Aborted => {
                thread::sleep(AFTER_ABORT);
                Some("the shutdown is over, and the blocking work of a dropped request may still run")
            }
        }
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn end_process(dispatch: &Dispatch, reason: &'static str) -> ! {
    let (logged, done) = mpsc::channel();
    let dispatch = dispatch.clone();
    let log = move || {
        tracing::dispatcher::with_default(&dispatch, || tracing::error!("{reason}: ending the process"));
        let _ = logged.send(());
    };
    if thread::Builder::new().spawn(log).is_ok() {
        let _ = done.recv_timeout(LOG_WAIT);
    }
    // Without what runs at an exit, which could wait for the blocked thread.
    low_level::exit(1)
}
