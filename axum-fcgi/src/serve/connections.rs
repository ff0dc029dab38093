//! The connections that are open.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::sync::Notify;
use tokio::time::timeout;
use tower_fcgi::ConnectionHandle;

/// How long connections that were [killed](ConnectionHandle::abort) are waited for. They end when they are polled, unless the code
/// of one does not return from its poll; then only the end of the process ends it.
const ABORT_WAIT: Duration = Duration::from_secs(1);

/// All open connections of one listener.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    open: Mutex<Open>,
    /// One has ended, or the one that was asked to make room got a request.
    changed: Notify,
    /// The next connection that turns idle is to end: another one waits for its place.
    wanted: AtomicBool,
    /// The connection that was asked last to make room, until it has ended or got a request. 0: none.
    asked: AtomicU64,
}

#[derive(Debug, Default)]
struct Open {
    handles: HashMap<u64, ConnectionHandle>,
    /// The number of the last one.
    last: u64,
}

impl Connections {
    /// Takes a connection in; it counts as open until the guard is dropped.
    pub(crate) fn register(self: &Arc<Self>, handle: ConnectionHandle) -> TrackedGuard {
        let mut open = self.open();
        open.last += 1;
        let number = open.last;
        open.handles.insert(number, handle.clone());
        drop(open);
        TrackedGuard { connections: Arc::clone(self), number, handle }
    }

    /// Waits until fewer than `most` are open. If there are not, it asks one that is idle to end, and another one if that
    /// got a request meanwhile; whichever ends or turns idle first makes room.
    pub(crate) async fn until_below(&self, most: usize) {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if self.len() < most {
                break;
            }
            self.evict_next_idle();
            changed.await;
        }
        self.wanted.store(false, Ordering::SeqCst);
    }

    /// Asks one that is idle to end, and waits until any has ended, for as long as `limit`.
    pub(crate) async fn make_room(&self, limit: Duration) {
        let mut changed = pin!(self.changed.notified());
        changed.as_mut().enable();
        self.evict_next_idle();
        let _ = timeout(limit, changed).await;
        self.wanted.store(false, Ordering::SeqCst);
    }

    /// Asks the connection to end that can do so the soonest, and of those the one that has been idle for longest. Where
    /// none can at once, also the first that turns idle.
    fn evict_next_idle(&self) {
        // Before the search, so that one which turns idle behind the search's back sees it.
        self.wanted.store(true, Ordering::SeqCst);
        let Some((number, handle, takes)) = self.best() else { return };
        if takes.is_zero() {
            self.wanted.store(false, Ordering::SeqCst);
        }
        self.asked.store(number, Ordering::SeqCst);
        handle.close_if_idle();
    }

    fn best(&self) -> Option<(u64, ConnectionHandle, Duration)> {
        let open = self.open();
        let closable = open.handles.iter().filter_map(|(number, handle)| {
            Some((handle.closes_within()?, handle.idle_for(), number, handle))
        });
        let best = closable.min_by_key(|(takes, idle, ..)| (*takes, Reverse(*idle)));
        best.map(|(takes, _, number, handle)| (*number, handle.clone(), takes))
    }

    /// Lets every connection finish what is under way.
    pub(crate) fn finish(&self) {
        self.each(ConnectionHandle::graceful_shutdown);
    }

    /// Lets every connection finish what is under way, for as long as `limit`; then ends those that are left.
    pub(crate) async fn shut_down(&self, limit: Option<Duration>) {
        self.finish();
        let Some(limit) = limit else { return self.all_ended().await };
        if timeout(limit, self.all_ended()).await.is_err() {
            tracing::warn!(connections = self.len(), "the time for a graceful shutdown is over");
            self.each(ConnectionHandle::abort);
            if timeout(ABORT_WAIT, self.all_ended()).await.is_err() {
                tracing::error!(
                    connections = self.len(),
                    "connections do not end: a handler blocks its thread"
                );
            }
        }
    }

    async fn all_ended(&self) {
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

    fn each(&self, tell: impl Fn(&ConnectionHandle)) {
        let handles: Vec<ConnectionHandle> = self.open().handles.values().cloned().collect();
        handles.iter().for_each(tell);
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
    handle: ConnectionHandle,
}

impl TrackedGuard {
    /// After a poll of the connection: whether it was told to make room just now, and has to be polled again. In the same
    /// poll, since a busy web server may have sent the next request by the next.
    fn offers_room(&self) -> bool {
        let Connections { wanted, asked, changed, .. } = &*self.connections;
        let is_asked = asked.load(Ordering::SeqCst) == self.number;
        if !is_asked && !wanted.load(Ordering::SeqCst) {
            return false;
        }
        match self.handle.closes_within() {
            None => {
                if is_asked && self.forget_asked() {
                    changed.notify_waiters();
                }
                return false;
            }
            Some(_) if is_asked => return false,
            Some(Duration::ZERO) => {
                if !wanted.swap(false, Ordering::SeqCst) {
                    return false;
                }
                asked.store(self.number, Ordering::SeqCst);
            }
            // One that lingers is of use only where no other one does.
            Some(_) => {
                if asked.compare_exchange(0, self.number, Ordering::SeqCst, Ordering::SeqCst).is_err() {
                    return false;
                }
            }
        }
        self.handle.close_if_idle();
        true
    }

    fn forget_asked(&self) -> bool {
        let asked = &self.connections.asked;
        asked.compare_exchange(self.number, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

impl Drop for TrackedGuard {
    fn drop(&mut self) {
        self.connections.open().handles.remove(&self.number);
        self.forget_asked();
        self.connections.changed.notify_waiters();
    }
}

pin_project! {
    /// A connection that is being served. Written by hand, since as an `async` block it would hold the
    /// connection twice, and there can be thousands.
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
    /// How the connection ended is in the log, with the peer; there is nothing to be done about it.
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let polled = this.connection.as_mut().poll(cx);
        if polled.is_pending() && this.guard.offers_room() {
            let polled = this.connection.poll(cx);
            // A request came all the same: another connection is asked.
            if polled.is_pending() {
                this.guard.offers_room();
            }
            return polled.map(drop);
        }
        polled.map(drop)
    }
}
