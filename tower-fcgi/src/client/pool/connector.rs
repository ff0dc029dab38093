//! Connects to the application, again if it takes no connection at the moment.
//!
//! ```text
//!             connect fails: nothing listens
//!   Reachable ─────────────────────────────▶ Unreachable { since }
//!       ▲                                        │
//!       └──────────── connect succeeds ──────────┘
//! ```

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

use crate::client::error::ErrorCause;

/// The pause before the first repetition of a connect. It doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Whether a request waits for an application that takes no connection at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Patience {
    /// Fail at once, because another application can take the request.
    None,
    /// Repeat the connect.
    Wait,
}

/// Makes the transports of a pool.
pub(super) struct Connector<C> {
    connect: C,
    timeout: Option<Duration>,
    restart_grace: Duration,
    reachability: Mutex<Reachability>,
    /// Fair, with one permit: its holder is the first of the requests that repeat a connect. Otherwise new requests would take
    /// each place in a full backlog before those that wait.
    turn: Semaphore,
    /// Whether requests connect in turn, since the last connect succeeded only after a pause, or failed.
    congested: AtomicBool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reachability {
    /// The last connect succeeded, or there was none.
    Reachable,
    /// Nothing has listened since the connect at this time.
    Unreachable { since: Instant },
}

impl<C> Connector<C> {
    pub(super) fn new(connect: C, timeout: Option<Duration>, restart_grace: Duration) -> Self {
        let reachability = Mutex::new(Reachability::Reachable);
        Self {
            connect,
            timeout,
            restart_grace,
            reachability,
            turn: Semaphore::new(1),
            congested: AtomicBool::new(false),
        }
    }

    /// Makes a transport.
    pub(super) async fn connect<F, IO>(&self, patience: Patience) -> Result<IO, ErrorCause>
    where
        C: Fn() -> F,
        F: Future<Output = io::Result<IO>>,
    {
        let connecting = self.repeat(patience);
        match self.timeout {
            Some(limit) => timeout(limit, connecting).await.map_err(|_| ErrorCause::ConnectTimeout)?,
            None => connecting.await,
        }
        .map_err(ErrorCause::connect)
    }

    /// Connects until that succeeds, or fails for good. Requests repeat it in order.
    async fn repeat<F, IO>(&self, patience: Patience) -> io::Result<IO>
    where
        C: Fn() -> F,
        F: Future<Output = io::Result<IO>>,
    {
        // An error is impossible: the semaphore is never closed.
        let mut turn = None;
        if patience == Patience::Wait && self.is_congested() {
            turn = self.turn.acquire().await.ok().filter(|_| self.is_congested());
        }
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match (self.connect)().await {
                Ok(io) => {
                    *self.reachability() = Reachability::Reachable;
                    if pause == FIRST_PAUSE {
                        self.congested.store(false, Ordering::Relaxed);
                    }
                    return Ok(io);
                }
                Err(error) => error,
            };
            let may_succeed = match error.kind() {
                // EAGAIN: the backlog of the Unix socket is full.
                io::ErrorKind::WouldBlock => true,
                io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => {
                    self.unreachable_for() < self.restart_grace
                }
                _ => false,
            };
            if !may_succeed {
                self.congested.store(false, Ordering::Relaxed);
            }
            if patience == Patience::None || !may_succeed {
                return Err(error);
            }
            self.congested.store(true, Ordering::Relaxed);
            if turn.is_none() {
                turn = self.turn.acquire().await.ok();
            } else {
                sleep(pause).await;
                pause = (2 * pause).min(LONGEST_PAUSE);
            }
        }
    }

    fn is_congested(&self) -> bool {
        self.congested.load(Ordering::Relaxed)
    }

    /// Records that nothing listens, and returns since when.
    fn unreachable_for(&self) -> Duration {
        let now = Instant::now();
        let mut reachability = self.reachability();
        match *reachability {
            Reachability::Unreachable { since } => now - since,
            Reachability::Reachable => {
                *reachability = Reachability::Unreachable { since: now };
                Duration::ZERO
            }
        }
    }

    fn reachability(&self) -> MutexGuard<'_, Reachability> {
        // Nothing panics while it holds the lock.
        self.reachability.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tokio::sync::{Barrier, Notify};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_full_backlog_serialises_no_later_connects() {
        let (attempts, room, both) = (AtomicUsize::new(0), Notify::new(), Barrier::new(2));
        let connect = || async {
            match attempts.fetch_add(1, Ordering::Relaxed) {
                0 => return Err(io::ErrorKind::WouldBlock.into()),
                1 => room.notified().await,
                // These two succeed only if they are under way at once.
                _ => {
                    both.wait().await;
                }
            }
            Ok(())
        };
        let connector = Connector::new(connect, Some(Duration::from_secs(5)), Duration::ZERO);
        let make_room = async {
            while attempts.load(Ordering::Relaxed) < 2 {
                tokio::task::yield_now().await;
            }
            room.notify_one();
        };
        let wait = || connector.connect(Patience::Wait);
        let (first, second, third, ()) = tokio::join!(wait(), wait(), wait(), make_room);
        assert!(first.is_ok() && second.is_ok() && third.is_ok());
    }
}
