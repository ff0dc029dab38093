//! The connections of a pool.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::capacity::ConnectionPermit;
use crate::client::dispatch::RequestChannel;
use crate::client::send_request::SendRequest;

/// A connection of a pool. A request that waits for its response head holds a reference.
pub(super) struct PooledConnection<B> {
    sender: SendRequest<B>,
    /// `None` for a connection that is not kept, whose task holds the permit, and once the permit was taken.
    permit: Mutex<Option<ConnectionPermit>>,
}

impl<B> PooledConnection<B> {
    pub(super) const fn new(sender: SendRequest<B>, permit: Option<ConnectionPermit>) -> Self {
        Self { sender, permit: Mutex::new(permit) }
    }

    /// Takes the permit of a connection that has ended, or closes without a request, for the one that replaces it.
    pub(super) fn take_permit(&self) -> Option<ConnectionPermit> {
        self.permit().take()
    }

    fn permit(&self) -> MutexGuard<'_, Option<ConnectionPermit>> {
        // Nothing panics while it holds the lock.
        self.permit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn channel(&self) -> &RequestChannel<B> {
        self.sender.channel()
    }

    pub(super) fn share_channel(&self) -> Arc<RequestChannel<B>> {
        self.sender.share_channel()
    }
}

/// The kept connections that are not known to have ended, least recently used first.
pub(super) struct PooledConnections<B> {
    list: Mutex<Vec<Arc<PooledConnection<B>>>>,
}

impl<B> PooledConnections<B> {
    pub(super) const fn new() -> Self {
        Self { list: Mutex::new(Vec::new()) }
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// The number of connections, and that of their requests.
    pub(super) fn load(&self) -> (usize, usize) {
        let list = self.lock();
        (list.len(), list.iter().map(|connection| usize::from(connection.channel().load())).sum())
    }

    /// The number of open connections without a request, and that of connections that have ended and were not removed yet.
    pub(super) fn unused(&self) -> (usize, usize) {
        let list = self.lock();
        let count = |is: fn(&RequestChannel<B>) -> bool| {
            list.iter().filter(|connection| is(connection.channel())).count()
        };
        (count(RequestChannel::is_idle), count(RequestChannel::has_ended))
    }

    /// Reserves room on the most recently used idle connection, else on the one with the fewest requests other than
    /// `except`. With `probe`, also requests a probe of each connection.
    pub(super) fn reserve(
        &self,
        except: Option<&RequestChannel<B>>,
        probe: bool,
    ) -> Option<Arc<PooledConnection<B>>> {
        let mut list = self.lock();
        list.retain(|connection| !connection.channel().has_ended());
        if probe {
            for connection in list.iter() {
                connection.channel().want_probe();
            }
        }
        let mut best: Option<(u16, &Arc<PooledConnection<B>>)> = None;
        for connection in list.iter().rev() {
            let channel = connection.channel();
            match channel.reserve_if_idle() {
                Some(0) => return Some(Arc::clone(connection)),
                Some(load)
                    if best.is_none_or(|(least, _)| load < least)
                        && !except.is_some_and(|except| std::ptr::eq(except, channel)) =>
                {
                    best = Some((load, connection));
                }
                _ => {}
            }
        }
        let (_, least_loaded) = best?;
        least_loaded.channel().reserve().then(|| Arc::clone(least_loaded))
    }

    /// Closes the idle connections.
    pub(super) fn close_idle(&self) {
        for connection in self.lock().iter() {
            connection.channel().close_if_idle();
        }
    }

    /// Closes a connection on which the caller has reserved room, and returns its permit. `None` if other requests are on
    /// it, or have taken the permit.
    pub(super) fn retire(&self, connection: &Arc<PooledConnection<B>>) -> Option<ConnectionPermit> {
        if !connection.channel().close_if_alone() {
            return None;
        }
        // First, so that `touch` does not list it again.
        let permit = connection.take_permit();
        self.lock().retain(|other| !Arc::ptr_eq(other, connection));
        permit
    }

    /// Makes a connection the most recently used, unless another one has its permit.
    pub(super) fn touch(&self, connection: &Arc<PooledConnection<B>>) {
        let mut list = self.lock();
        match list.iter().rposition(|other| Arc::ptr_eq(other, connection)) {
            Some(at) if at + 1 == list.len() => {}
            Some(at) => {
                let connection = list.remove(at);
                list.push(connection);
            }
            None if connection.permit().is_some() => list.push(Arc::clone(connection)),
            None => {}
        }
    }

    /// Removes a connection if it has ended, and all idle ones: if the application was restarted or closes idle
    /// connections, they have ended too.
    pub(super) fn evict(&self, ended: &Arc<PooledConnection<B>>) {
        self.lock().retain(|connection| {
            let channel = connection.channel();
            let is_removed =
                if Arc::ptr_eq(connection, ended) { channel.has_ended() } else { channel.is_idle() };
            !is_removed
        });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<PooledConnection<B>>>> {
        // A poisoned list is consistent: no code panics in the middle of a change.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
