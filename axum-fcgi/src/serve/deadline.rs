//! A deadline that passes even if no worker thread of the runtime runs.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// A deadline, by the runtime's clock and by a thread of its own, whichever is first.
///
/// The runtime's timers stand still while handlers block all of its worker threads. The thread wakes the future all the same;
/// it is polled if it runs in `block_on` of a multi-thread runtime, as that of `#[tokio::main]` does.
#[derive(Debug)]
pub(super) struct Deadline {
    /// `None`: never.
    at: Option<Instant>,
    /// Whether it has passed, by the thread.
    passed: watch::Receiver<bool>,
    /// Its drop ends the thread.
    _thread: Option<mpsc::Sender<()>>,
}

impl Deadline {
    /// Starts the time. `None`: without limit. Must be called in a runtime.
    pub(super) fn after(limit: Option<Duration>) -> Self {
        let (pass, passed) = watch::channel(false);
        let at = limit.and_then(|limit| Instant::now().checked_add(limit));
        // A handler that blocks a `current_thread` runtime blocks this future, too.
        let can_help = Handle::current().runtime_flavor() != RuntimeFlavor::CurrentThread;
        let thread = limit.filter(|_| can_help).and_then(|limit| send_after(limit, pass));
        Self { at, passed, _thread: thread }
    }

    /// Waits until it has passed.
    pub(super) async fn passed(&self) {
        let by_clock = async {
            match self.at {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let by_thread = async {
            // Without the thread, the clock must do.
            if self.passed.clone().wait_for(|passed| *passed).await.is_err() {
                std::future::pending().await
            }
        };
        tokio::select! {
            () = by_clock => {}
            () = by_thread => {}
        }
    }
}

/// Sends after the time, from a thread. `None` if the system has no thread left.
fn send_after(limit: Duration, pass: watch::Sender<bool>) -> Option<mpsc::Sender<()>> {
    let (sender, receiver) = mpsc::channel();
    let wait = move || {
        if receiver.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            pass.send_replace(true);
        }
    };
    thread::Builder::new().name("fcgi-deadline".to_owned()).spawn(wait).ok().map(|_| sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_passes_by_the_runtimes_clock() {
        let start = Instant::now();
        Deadline::after(Some(Duration::from_secs(86_400))).passed().await;
        assert_eq!(start.elapsed().as_secs(), 86_400);
        Deadline::after(Some(Duration::MAX));
        let never = Deadline::after(None);
        assert!(tokio::time::timeout(Duration::from_secs(86_400), never.passed()).await.is_err());
    }

    #[test]
    fn a_deadline_passes_without_the_runtimes_clock() {
        // Without `enable_time`, a timer would panic: only the thread can wake this future.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let deadline =
            Deadline { at: None, ..runtime.block_on(async { Deadline::after(Some(Duration::ZERO)) }) };
        runtime.block_on(deadline.passed());
        runtime.block_on(deadline.passed());
    }
}
