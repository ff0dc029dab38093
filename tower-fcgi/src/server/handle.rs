//! What can be asked of, and told to, a connection that runs in a task of its own.

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::time::Instant as Clock;

use super::activity::Activity;
use super::stderr_queue::StderrQueue;

/// A handle to a running [`Connection`](crate::Connection), for the program that holds many of them.
#[derive(Clone)]
pub struct ConnectionHandle {
    shared: Arc<Shared>,
}

struct Shared {
    command: AtomicU8,
    /// 0 while it is busy. Else its [`Activity`] in the lowest two bits, and above them the milliseconds from the
    /// process's first connection to when this one stopped to be busy.
    activity: AtomicU64,
    /// Of the task that runs the connection.
    waker: Mutex<Option<Waker>>,
    /// Error text that waits for the connection.
    lines: StderrQueue,
}

/// What a connection was told, each stronger than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Command {
    Run,
    /// Withdrawn by the connection itself where it is busy.
    CloseIfIdle,
    Shutdown,
    Abort,
}

/// How long a connection that is told to end goes on receiving the rest of an answered request, from when it was
/// answered. To close at once could cost the answer on its way, and by then the web server has read it.
pub(crate) const LINGER: Duration = Duration::from_secs(1);

impl ConnectionHandle {
    pub(crate) fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                command: AtomicU8::new(Command::Run as u8),
                activity: AtomicU64::new(0),
                waker: Mutex::new(None),
                lines: StderrQueue::default(),
            }),
        }
    }

    /// The connection ends as soon as no request is under way on it; one whose PARAMS are still coming
    /// counts. An idle one ends at once, or where the input of an answered request has not ended, within a second of its
    /// answer, whatever [`Config::with_linger`](crate::Config::linger_timeout) says. A new one has a second for its first request to
    /// come, since a web server connects when it has one.
    pub fn graceful_shutdown(&self) {
        self.send(Command::Shutdown);
    }

    /// Ends the connection if that costs no request: if it is idle, or receives no more than the rest of an answered
    /// request. Else nothing happens, now or later. A request that comes in the same moment is served; only where it is
    /// answered at once, without waiting for anything, is the connection idle again and ends.
    /// [`closes_within`](Self::closes_within) says how long it takes.
    ///
    /// This is for making room: of many connections, one that got a request in this moment goes on, and another one can
    /// be asked.
    pub fn close_if_idle(&self) {
        self.send(Command::CloseIfIdle);
    }

    /// How long [`close_if_idle`](Self::close_if_idle) takes at most: zero, or up to a second where the input of an
    /// answered request has not ended. `None`: a request is under way or awaited, and it would have no effect.
    #[must_use]
    pub fn closes_within(&self) -> Option<Duration> {
        match self.activity() {
            (Activity::Busy, _) => None,
            (Activity::Idle, _) => Some(Duration::ZERO),
            (Activity::Unfinished | Activity::Lingering, time) => Some(LINGER.saturating_sub(time)),
        }
    }

    /// The connection ends at once; handlers that run are dropped.
    pub fn abort(&self) {
        self.send(Command::Abort);
    }

    /// How long the connection has been idle: open, kept, with no request under way. `None` while it is not,
    /// and before its first request.
    #[must_use]
    pub fn idle_for(&self) -> Option<Duration> {
        match self.activity() {
            (Activity::Idle | Activity::Unfinished, time) => Some(time),
            (Activity::Busy | Activity::Lingering, _) => None,
        }
    }

    pub(crate) fn command(&self) -> Command {
        match self.shared.command.load(Ordering::Acquire) {
            0 => Command::Run,
            1 => Command::CloseIfIdle,
            2 => Command::Shutdown,
            _ => Command::Abort,
        }
    }

    /// The connection is busy: [`close_if_idle`](Self::close_if_idle) has no effect.
    pub(crate) fn stay_open(&self) {
        let (from, to) = (Command::CloseIfIdle as u8, Command::Run as u8);
        // Another result means that it was told something stronger meanwhile.
        let _ = self.shared.command.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Sets what the end of the connection would interrupt; only the connection does so.
    pub(crate) fn set_activity(&self, activity: Activity) {
        let bits = match activity {
            Activity::Busy => return self.shared.activity.store(0, Ordering::Relaxed),
            Activity::Idle => 1,
            Activity::Unfinished => 2,
            Activity::Lingering => 3,
        };
        let since = match self.shared.activity.load(Ordering::Relaxed) {
            0 => now() << 2,
            known => known & !3,
        };
        self.shared.activity.store(since | bits, Ordering::Relaxed);
    }

    /// With how long the connection has not been busy.
    fn activity(&self) -> (Activity, Duration) {
        let value = self.shared.activity.load(Ordering::Relaxed);
        let activity = match value & 3 {
            0 => return (Activity::Busy, Duration::ZERO),
            1 => Activity::Idle,
            2 => Activity::Unfinished,
            _ => Activity::Lingering,
        };
        (activity, Duration::from_millis(now().saturating_sub(value >> 2)))
    }

    /// The connection says whom to wake.
    pub(crate) fn register_waker(&self, waker: &Waker) {
        *self.waker() = Some(waker.clone());
    }

    /// The connection is gone. Handles and requests' extensions may outlive it, and are not to keep its task's
    /// memory.
    pub(crate) fn clear_waker(&self) {
        let waker = self.waker().take();
        drop(waker);
    }

    /// What the handlers of the connection's requests want in the web server's log.
    pub(crate) fn stderr(&self) -> &StderrQueue {
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

    fn send(&self, order: Command) {
        self.shared.command.fetch_max(order as u8, Ordering::AcqRel);
        self.wake();
    }

    fn waker(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
        self.shared.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ConnectionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("order", &self.command()).field("idle_for", &self.idle_for()).finish()
    }
}

/// Milliseconds since the process's first connection, by the runtime's clock, which tests can pause.
fn now() -> u64 {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    let epoch = *EPOCH.get_or_init(Instant::now);
    let time = Clock::now().into_std().saturating_duration_since(epoch);
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
