//! What can be asked of, and told to, a connection that runs in a task of its own.

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::stderr::Lines;

/// A handle to a running [`Connection`](crate::Connection), for the program that holds many of them.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

struct Shared {
    order: AtomicU8,
    /// Milliseconds from the process's first connection to when this one turned idle, plus one; 0 while it is
    /// not.
    idle_since: AtomicU64,
    /// Of the task that runs the connection.
    waker: Mutex<Option<Waker>>,
    /// Error text that waits for the connection.
    lines: Lines,
}

/// What a connection was told, each stronger than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    Serve,
    Finish,
    Die,
}

impl Handle {
    pub(crate) fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                order: AtomicU8::new(Order::Serve as u8),
                idle_since: AtomicU64::new(0),
                waker: Mutex::new(None),
                lines: Lines::default(),
            }),
        }
    }

    /// The connection ends as soon as no request is under way on it; one whose PARAMS are still coming
    /// counts. An idle one ends at once; a new one has a second for its first request to come, since a web server
    /// connects when it has one.
    pub fn graceful_shutdown(&self) {
        self.give(Order::Finish);
    }

    /// The connection ends at once; handlers that run are dropped.
    pub fn kill(&self) {
        self.give(Order::Die);
    }

    /// How long the connection has been idle: open, kept, with no request under way. `None` while it is not,
    /// and before its first request.
    #[must_use]
    pub fn idle_for(&self) -> Option<Duration> {
        let since = self.shared.idle_since.load(Ordering::Relaxed).checked_sub(1)?;
        Some(epoch().elapsed().saturating_sub(Duration::from_millis(since)))
    }

    pub(crate) fn order(&self) -> Order {
        match self.shared.order.load(Ordering::Acquire) {
            0 => Order::Serve,
            1 => Order::Finish,
            _ => Order::Die,
        }
    }

    /// The connection tells whether it is idle.
    pub(crate) fn set_idle(&self, idle: bool) {
        let since =
            if idle { u64::try_from(epoch().elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1 } else { 0 };
        self.shared.idle_since.store(since, Ordering::Relaxed);
    }

    /// The connection says whom to wake.
    pub(crate) fn register(&self, waker: &Waker) {
        *self.waker() = Some(waker.clone());
    }

    /// The connection is gone. Handles and requests' extensions may outlive it, and are not to keep its task's
    /// memory.
    pub(crate) fn let_go(&self) {
        let waker = self.waker().take();
        drop(waker);
    }

    /// What the handlers of the connection's requests want in the web server's log.
    pub(crate) fn lines(&self) -> &Lines {
        &self.shared.lines
    }

    /// Has the connection polled.
    pub(crate) fn wake(&self) {
        // A clone, not the waker itself: were it gone while it is woken, a second caller would find none.
        let waker = self.waker().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn give(&self, order: Order) {
        self.shared.order.fetch_max(order as u8, Ordering::AcqRel);
        self.wake();
    }

    fn waker(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
        self.shared.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("order", &self.order()).field("idle_for", &self.idle_for()).finish()
    }
}

fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}
