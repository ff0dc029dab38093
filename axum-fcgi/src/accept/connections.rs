//! The open connections of one `serve`.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::sync::Notify;
use tokio::time::timeout;
use tower_fcgi::LogThrottle;

use super::handle::Handle;

/// All open connections of one `serve`.
///
/// At the limit, an idle connection is closed for a new one. If none is idle, the next one that turns idle is closed.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    open: Mutex<Open>,
    /// Notified when a connection ends, and when the one that was asked to close got a request instead.
    changed: Notify,
    /// A new connection waits: the next connection that turns idle closes.
    room_wanted: AtomicBool,
    /// The connection that was last asked to close, until it ends or gets a request. 0: none.
    asked: AtomicU64,
    /// For the log: new connections wait at the limit.
    full: LogThrottle,
}

#[derive(Debug, Default)]
struct Open {
    /// By number. Not a `HashMap`: the hash of a number costs more than finding it here.
    handles: BTreeMap<u64, Handle>,
    /// The number of the newest connection.
    last: u64,
}

impl Connections {
    /// Adds a connection; it counts as open until the guard is dropped.
    pub(crate) fn register(self: &Arc<Self>, handle: impl Into<Handle>) -> TrackedGuard {
        let handle = handle.into();
        let mut open = self.open();
        open.last += 1;
        let number = open.last;
        open.handles.insert(number, handle.clone());
        drop(open);
        TrackedGuard { connections: Arc::clone(self), number, handle }
    }

    /// Waits until fewer than `max` connections are open. Asks an idle one to close, and another one if that got a
    /// request meanwhile. Whichever connection ends or turns idle first makes room. If none can close at once, this is logged.
    pub(crate) async fn until_below(&self, max: usize) {
        let mut is_logged = false;
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if self.len() < max {
                break;
            }
            if self.evict_next_idle() != Some(Duration::ZERO) && !is_logged {
                self.log_full(max);
                is_logged = true;
            }
            changed.await;
        }
        self.room_wanted.store(false, Ordering::SeqCst);
    }

    /// Asks an idle connection to close, and waits until any has ended, for at most `limit`.
    pub(crate) async fn make_room(&self, limit: Duration) {
        let mut changed = pin!(self.changed.notified());
        changed.as_mut().enable();
        self.evict_next_idle();
        let _ = timeout(limit, changed).await;
        self.room_wanted.store(false, Ordering::SeqCst);
    }

    /// Asks the connection to close that can close soonest; of several, the one that has been idle longest. If none can
    /// close at once, also asks the first one that turns idle. Returns the time in which the asked one closes.
    fn evict_next_idle(&self) -> Option<Duration> {
        // Before the search: a connection that turns idle during the search sees it.
        self.room_wanted.store(true, Ordering::SeqCst);
        let (number, handle, closes_within) = self.next_to_close()?;
        if closes_within.is_zero() {
            self.room_wanted.store(false, Ordering::SeqCst);
        }
        self.asked.store(number, Ordering::SeqCst);
        handle.close_if_idle();
        Some(closes_within)
    }

    fn log_full(&self, max_connections: usize) {
        if let Some(count) = self.full.check() {
            tracing::warn!(
                max_connections,
                count,
                "max_connections is reached, and no connection is idle: new connections wait until one ends. Raise \
                 Config::max_connections, or find out what the requests wait for (Config::slow_request_log)"
            );
        }
    }

    fn next_to_close(&self) -> Option<(u64, Handle, Duration)> {
        let open = self.open();
        let closable = open.handles.iter().filter_map(|(number, handle)| {
            Some((handle.closes_within()?, handle.idle_for(), number, handle))
        });
        let next = closable.min_by_key(|(within, idle, ..)| (*within, Reverse(*idle)));
        next.map(|(within, _, number, handle)| (*number, handle.clone(), within))
    }

    /// Starts a graceful shutdown of every connection.
    pub(crate) fn start_shutdown(&self) {
        self.for_each(Handle::graceful_shutdown);
    }

    /// Closes every connection at once, and drops its handlers.
    pub(crate) fn abort(&self) {
        self.for_each(Handle::abort);
    }

    /// The number of connections with a request in flight or expected.
    pub(crate) fn busy(&self) -> usize {
        self.open().handles.values().filter(|handle| handle.closes_within().is_none()).count()
    }

    /// The number of HTTP connections whose stream a handler owns.
    pub(crate) fn upgraded_over_http(&self) -> usize {
        self.open().handles.values().filter(|handle| handle.is_upgraded_over_http()).count()
    }

    /// The peers of the first connections, for the log.
    pub(crate) fn peers(&self, max: usize) -> Vec<String> {
        self.open().handles.values().filter_map(Handle::peer_name).take(max).collect()
    }

    /// Waits until no connection is open.
    pub(crate) async fn all_ended(&self) {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if self.len() == 0 {
                return;
            }
            changed.await;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.open().handles.len()
    }

    fn for_each(&self, call: impl Fn(&Handle)) {
        let handles: Vec<Handle> = self.open().handles.values().cloned().collect();
        handles.iter().for_each(call);
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One open connection.
#[derive(Debug)]
pub(crate) struct TrackedGuard {
    connections: Arc<Connections>,
    number: u64,
    handle: Handle,
}

impl TrackedGuard {
    /// Asks the connection to close if room is wanted. Call after each poll of the connection. `true`: poll it again at once,
    /// because by the next wakeup a busy web server may have sent another request.
    fn close_if_wanted(&self) -> bool {
        let Connections { room_wanted, asked, changed, .. } = &*self.connections;
        let is_asked = asked.load(Ordering::SeqCst) == self.number;
        if !is_asked && !room_wanted.load(Ordering::SeqCst) {
            return false;
        }
        match self.handle.closes_within() {
            None => {
                if is_asked && self.clear_asked() {
                    changed.notify_waiters();
                }
                return false;
            }
            Some(_) if is_asked => return false,
            Some(Duration::ZERO) => {
                if !room_wanted.swap(false, Ordering::SeqCst) {
                    return false;
                }
                asked.store(self.number, Ordering::SeqCst);
            }
            // This connection lingers before it closes, so ask it only if no other one was asked.
            Some(_) => {
                if asked.compare_exchange(0, self.number, Ordering::SeqCst, Ordering::SeqCst).is_err() {
                    return false;
                }
            }
        }
        self.handle.close_if_idle();
        true
    }

    fn clear_asked(&self) -> bool {
        let asked = &self.connections.asked;
        asked.compare_exchange(self.number, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

impl Drop for TrackedGuard {
    fn drop(&mut self) {
        self.connections.open().handles.remove(&self.number);
        self.clear_asked();
        self.connections.changed.notify_waiters();
    }
}

pin_project! {
    /// The future that serves one connection. Not an `async` block, which would store the connection twice: there can be
    /// thousands.
    pub(crate) struct TrackedConnection<C> {
        #[pin]
        connection: C,
        guard: TrackedGuard,
    }
}

impl<C> TrackedConnection<C> {
    pub(crate) const fn new(connection: C, guard: TrackedGuard) -> Self {
        Self { connection, guard }
    }
}

impl<C: Future> Future for TrackedConnection<C> {
    /// The connection logs how it ended.
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let polled = this.connection.as_mut().poll(cx);
        if polled.is_pending() && this.guard.close_if_wanted() {
            let polled = this.connection.poll(cx);
            // If a request arrived instead, another connection is asked.
            if polled.is_pending() {
                this.guard.close_if_wanted();
            }
            return polled.map(drop);
        }
        polled.map(drop)
    }
}
