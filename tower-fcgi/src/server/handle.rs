//! The handle of a connection that runs in a task of its own.

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::time::Instant as Clock;

use super::activity::Activity;
use super::stderr_queue::StderrQueue;

/// A handle to a running [`Connection`](crate::Connection), to close it or to query its activity.
///
/// ```
/// use std::convert::Infallible;
///
/// use http::{Request, Response};
/// use tower_fcgi::{Connection, ConnectionHandle, RequestBody};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (_web_server, stream) = tokio::io::duplex(1024);
/// let service = tower::service_fn(async |_: Request<RequestBody>| Ok::<_, Infallible>(Response::new(String::new())));
/// let connection = Connection::new(stream, service);
/// let handle: ConnectionHandle = connection.handle();
/// let running = tokio::spawn(connection);
///
/// // At the shutdown of the program: requests in flight are answered first.
/// handle.graceful_shutdown();
/// running.await??;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ConnectionHandle {
    shared: Arc<HandleState>,
}

struct HandleState {
    command: AtomicU8,
    /// 0 while the connection is busy. Else its [`Activity`] in the lowest two bits, and above them the milliseconds from
    /// the process's first connection to the time when this one was last busy.
    activity: AtomicU64,
    owner: Mutex<Owner>,
    stderr: StderrQueue,
}

/// What the handle knows about its connection. Behind one lock: each idle connection has it.
#[derive(Default)]
struct Owner {
    /// The waker of the task that polls the connection.
    waker: Option<Waker>,
    /// The web server that the connection is from, for the log.
    peer: Option<Peer>,
}

/// Formatted only for a log line.
type Peer = Box<dyn fmt::Debug + Send>;

/// A command to a connection, each stronger than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Command {
    Run,
    /// Withdrawn by the connection itself if it is busy.
    CloseIfIdle,
    Shutdown,
    Abort,
}

/// How long a connection that is shutting down receives the rest of an answered request, counted from the response. An
/// immediate close could destroy the response on its way; by the end of this time the web server has read it.
pub(crate) const LINGER: Duration = Duration::from_secs(1);

impl ConnectionHandle {
    pub(crate) fn new() -> Self {
        Self {
            shared: Arc::new(HandleState {
                command: AtomicU8::new(Command::Run as u8),
                activity: AtomicU64::new(0),
                owner: Mutex::default(),
                stderr: StderrQueue::default(),
            }),
        }
    }

    /// Closes the connection once no request is in flight on it.
    ///
    /// A request whose PARAMS are still being received counts as in flight. An idle connection closes at once. If the input of
    /// an answered request has not ended, it closes within 1 s of the response, whatever
    /// [`Config::linger_timeout`](crate::Config::linger_timeout) is. A new connection waits 1 s for its first request, since a
    /// web server connects when it has one.
    pub fn graceful_shutdown(&self) {
        self.send(Command::Shutdown);
    }

    /// Closes the connection if it is idle or only receives the rest of an answered request.
    ///
    /// Otherwise this has no effect, now or later. A request that is received at the same moment is served; the connection
    /// then closes only if the response is ready without waiting. [`closes_within`](Self::closes_within) returns how long the
    /// close takes.
    ///
    /// Use it to make room: if one of many connections has just received a request, it continues, and another can be closed.
    pub fn close_if_idle(&self) {
        self.send(Command::CloseIfIdle);
    }

    /// How long [`close_if_idle`](Self::close_if_idle) takes at most: zero, or up to 1 s if the input of an answered request
    /// has not ended. `None` if it would have no effect, because a request is in flight or expected.
    #[must_use]
    pub fn closes_within(&self) -> Option<Duration> {
        match self.activity() {
            (Activity::Busy, _) => None,
            (Activity::Idle, _) => Some(Duration::ZERO),
            (Activity::Unfinished | Activity::Lingering, time) => Some(LINGER.saturating_sub(time)),
        }
    }

    /// Closes the connection at once, and drops its running handlers.
    pub fn abort(&self) {
        self.send(Command::Abort);
    }

    /// How long the connection has been idle: kept, with no request in flight. `None` if it is not idle, or before its first
    /// request.
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

    /// For the connection: withdraws [`close_if_idle`](Self::close_if_idle), since it is busy.
    pub(crate) fn stay_open(&self) {
        let (from, to) = (Command::CloseIfIdle as u8, Command::Run as u8);
        // Fails if a stronger command was sent, which must not be withdrawn.
        let _ = self.shared.command.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// For the connection: publishes what its close would interrupt.
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

    /// The activity, and the time since the connection was busy.
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

    /// For the connection: registers the waker of its task.
    pub(crate) fn register_waker(&self, waker: &Waker) {
        self.owner().waker = Some(waker.clone());
    }

    /// For the connection: drops the waker when it ends. Handles and extensions of requests may outlive the connection, and
    /// must not keep the memory of its task alive.
    pub(crate) fn clear_waker(&self) {
        let waker = self.owner().waker.take();
        drop(waker);
    }

    /// The lines that handlers have written to STDERR.
    pub(crate) fn stderr(&self) -> &StderrQueue {
        &self.shared.stderr
    }

    /// Wakes the connection's task.
    pub(crate) fn wake(&self) {
        // A clone, so that a concurrent second caller finds the waker as well.
        let waker = self.owner().waker.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// For the connection: sets the name of its peer.
    pub(crate) fn set_peer(&self, peer: impl fmt::Debug + Send + 'static) {
        self.owner().peer = Some(Box::new(peer));
    }

    /// The web server that the connection is from, for the log: as [`Connection::peer`](crate::Connection::peer) was told.
    #[must_use]
    pub fn peer_name(&self) -> Option<String> {
        let owner = self.owner();
        owner.peer.as_ref().map(|peer| format!("{peer:?}"))
    }

    fn send(&self, command: Command) {
        self.shared.command.fetch_max(command as u8, Ordering::AcqRel);
        self.wake();
    }

    fn owner(&self) -> std::sync::MutexGuard<'_, Owner> {
        self.shared.owner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ConnectionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionHandle")
            .field("command", &self.command())
            .field("idle_for", &self.idle_for())
            .finish()
    }
}

/// Milliseconds since the process's first connection, by the runtime's clock, which tests can pause.
fn now() -> u64 {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    let epoch = *EPOCH.get_or_init(Instant::now);
    let time = Clock::now().into_std().saturating_duration_since(epoch);
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
