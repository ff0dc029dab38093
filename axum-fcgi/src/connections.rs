//! The connections that are open.

use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::sync::Notify;
use tower_fcgi::Handle;

/// All open connections of one listener.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    open: Mutex<Open>,
    /// One has ended.
    ended: Notify,
    /// The next connection that turns idle is to end: another one waits for its place.
    wanted: AtomicBool,
}

#[derive(Debug, Default)]
struct Open {
    handles: HashMap<u64, Handle>,
    next: u64,
}

impl Connections {
    /// Takes a connection in; it counts as open until the guard is dropped.
    pub(crate) fn register(self: &Arc<Self>, handle: Handle) -> Guard {
        let mut open = self.open();
        let number = open.next;
        open.next += 1;
        open.handles.insert(number, handle.clone());
        drop(open);
        Guard { connections: Arc::clone(self), number, handle }
    }

    /// Waits until fewer than `most` are open, and ends one that is idle if there are not: the one that has
    /// been for longest, or the first that turns idle.
    pub(crate) async fn room(&self, most: usize) {
        loop {
            let mut ended = pin!(self.ended.notified());
            ended.as_mut().enable();
            if self.len() < most {
                return;
            }
            // Before the search, so that one which turns idle behind the search's back sees it.
            self.wanted.store(true, Ordering::SeqCst);
            if let Some(longest) = self.longest_idle() {
                self.wanted.store(false, Ordering::SeqCst);
                longest.graceful_shutdown();
            }
            ended.await;
            self.wanted.store(false, Ordering::SeqCst);
        }
    }

    /// Lets every connection finish what is under way, for as long as `limit`; then ends those that are left.
    pub(crate) async fn shut_down(&self, limit: Duration) {
        self.each(Handle::graceful_shutdown);
        if tokio::time::timeout(limit, self.all_ended()).await.is_err() {
            tracing::warn!(connections = self.len(), "the time for a graceful shutdown is over");
            self.each(Handle::kill);
            self.all_ended().await;
        }
    }

    async fn all_ended(&self) {
        loop {
            let mut ended = pin!(self.ended.notified());
            ended.as_mut().enable();
            if self.len() == 0 {
                return;
            }
            ended.await;
        }
    }

    fn len(&self) -> usize {
        self.open().handles.len()
    }

    fn longest_idle(&self) -> Option<Handle> {
        let open = self.open();
        let idle = open.handles.values().filter_map(|handle| Some((handle.idle_for()?, handle)));
        idle.max_by_key(|(time, _)| *time).map(|(_, handle)| handle.clone())
    }

    fn each(&self, tell: impl Fn(&Handle)) {
        let handles: Vec<Handle> = self.open().handles.values().cloned().collect();
        handles.iter().for_each(tell);
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One open connection.
#[derive(Debug)]
pub(crate) struct Guard {
    connections: Arc<Connections>,
    number: u64,
    handle: Handle,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.connections.open().handles.remove(&self.number);
        self.connections.ended.notify_waiters();
    }
}

pin_project! {
    /// A connection that is being served. Written by hand, since as an `async` block it would hold the
    /// connection twice, and there can be thousands.
    pub(crate) struct Serving<C> {
        #[pin]
        connection: C,
        guard: Guard,
    }
}

impl<C> Serving<C> {
    pub(crate) const fn new(connection: C, guard: Guard) -> Self {
        Self { connection, guard }
    }
}

impl<C: Future> Future for Serving<C> {
    /// How the connection ended is in the log, with the peer; there is nothing to be done about it.
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let polled = this.connection.poll(cx).map(drop);
        let wanted = &this.guard.connections.wanted;
        if polled.is_pending()
            && wanted.load(Ordering::SeqCst)
            && this.guard.handle.idle_for().is_some()
            && wanted.swap(false, Ordering::SeqCst)
        {
            this.guard.handle.graceful_shutdown();
        }
        polled
    }
}
