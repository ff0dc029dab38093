//! Limits the connections of a pool, and queues the requests that wait for one.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// The permit for one connection.
pub(super) type ConnectionPermit = OwnedSemaphorePermit;

/// The permits of a pool and its queue of requests.
///
/// A permit stands for a connection, not for a request: probes, pauses and aborts change how many requests a connection
/// takes, and a permit cannot be revoked. So the first request of the queue waits for a permit or for room on a
/// connection, whichever comes first; the others wait until they are first.
pub(super) struct PoolCapacity {
    connections: Arc<Semaphore>,
    max_connections: usize,
    /// The requests in the queue.
    waiting: AtomicUsize,
    /// Fair, with one permit: its holder is the first request of the queue.
    queue: Semaphore,
    /// Notified when a connection may have become free.
    room: Arc<Notify>,
}

/// The result of a checkout.
#[derive(Debug)]
pub(super) enum Checkout<T> {
    /// A connection on which room is reserved.
    Existing(T),
    /// The permit for a new connection.
    Connect(ConnectionPermit),
}

impl PoolCapacity {
    /// The capacity for at most `connections`, at least 1. `room` must be notified when a connection may have become
    /// free.
    pub(super) fn new(connections: usize, room: Arc<Notify>) -> Self {
        let max_connections = connections.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            connections: Arc::new(Semaphore::new(max_connections)),
            max_connections,
            waiting: AtomicUsize::new(0),
            queue: Semaphore::new(1),
            room,
        }
    }

    /// The permits that are taken: for connections that are open or being opened.
    pub(super) fn in_use(&self) -> usize {
        self.max_connections - self.connections.available_permits()
    }

    /// The requests that wait for a connection.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Takes a permit that no request waits for, if any.
    pub(super) fn try_acquire(&self) -> Option<ConnectionPermit> {
        Arc::clone(&self.connections).try_acquire_owned().ok()
    }

    /// Checks out a connection that `reserve` finds, else takes a permit. `None` if neither is free or other requests wait.
    pub(super) fn try_checkout<T>(&self, reserve: impl FnOnce() -> Option<T>) -> Option<Checkout<T>> {
        let _first = loop {
            match self.queue.try_acquire() {
                Ok(first) => break first,
                Err(_) if self.waiting() > 0 => return None,
                // Another thread is in this function, which does not wait. This is no reason to queue.
                Err(_) => std::thread::yield_now(),
            }
        };
        reserve().map(Checkout::Existing).or_else(|| self.try_acquire().map(Checkout::Connect))
    }

    /// As [`try_checkout`](Self::try_checkout), but waits in the queue.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue, and nothing else.
    pub(super) async fn checkout<T>(&self, mut reserve: impl FnMut() -> Option<T>) -> Checkout<T> {
        let _waiting = Waiting::new(&self.waiting);
        // An error is impossible: neither semaphore is ever closed.
        let _first = self.queue.acquire().await;
        let mut permit = pin!(Arc::clone(&self.connections).acquire_owned());
        loop {
            if let Some(existing) = reserve() {
                return Checkout::Existing(existing);
            }
            let mut room = pin!(self.room.notified());
            let acquired = poll_fn(|cx| match permit.as_mut().poll(cx) {
                Poll::Ready(permit) => Poll::Ready(permit.ok()),
                Poll::Pending => room.as_mut().poll(cx).map(|()| None),
            });
            if let Some(permit) = acquired.await {
                return reserve().map_or(Checkout::Connect(permit), Checkout::Existing);
            }
        }
    }
}

/// Counts a request that waits, until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use tokio::task::{JoinHandle, yield_now};

    use super::*;

    /// A pool whose connections have room for `self.1` requests.
    struct Pool(PoolCapacity, AtomicUsize);

    impl Pool {
        fn full(connections: usize) -> (Arc<Self>, Vec<ConnectionPermit>) {
            let capacity = PoolCapacity::new(connections, Arc::default());
            let permits = std::iter::from_fn(|| capacity.try_acquire()).collect();
            (Arc::new(Self(capacity, AtomicUsize::new(0))), permits)
        }

        fn reserve(&self) -> Option<()> {
            let one_less = |room: usize| room.checked_sub(1);
            self.1.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).ok().map(drop)
        }

        fn add_room(&self) {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.room.notify_one();
        }
    }

    /// Spawns a request that waits.
    async fn spawn(pool: &Arc<Pool>) -> JoinHandle<Checkout<()>> {
        let pool = Arc::clone(pool);
        let request = tokio::spawn(async move { pool.0.checkout(|| pool.reserve()).await });
        yield_now().await;
        request
    }

    #[tokio::test]
    async fn connections_are_bounded() {
        for (connections, expected) in [(0, 1), (1, 1), (3, 3)] {
            let (pool, permits) = Pool::full(connections);
            assert_eq!(permits.len(), expected);
            assert!(pool.0.try_checkout(|| pool.reserve()).is_none());
            drop(permits);
            assert!(matches!(pool.0.try_checkout(|| pool.reserve()), Some(Checkout::Connect(_))));
        }
    }

    /// A caller that sees a request wait concludes that the application has no room for it.
    #[test]
    fn a_checkout_on_another_thread_is_no_reason_to_wait() {
        let capacity = PoolCapacity::new(2, Arc::default());
        let (inside, begun) = [(); 2].map(|()| Barrier::new(2)).into();
        std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                inside.wait();
                begun.wait();
                capacity.try_checkout(|| None::<()>)
            });
            let reserve = || {
                inside.wait();
                begun.wait();
                // Time for the other thread to try.
                for _ in 0..1000 {
                    std::thread::yield_now();
                }
                None::<()>
            };
            assert!(matches!(capacity.try_checkout(reserve), Some(Checkout::Connect(_))));
            assert!(matches!(other.join().unwrap(), Some(Checkout::Connect(_))));
        });
    }

    #[tokio::test]
    async fn room_and_permits_go_to_requests_in_order() {
        let (pool, mut permits) = Pool::full(2);
        let (first, second, third) = (spawn(&pool).await, spawn(&pool).await, spawn(&pool).await);
        pool.add_room();
        assert!(matches!(first.await.unwrap(), Checkout::Existing(())));
        assert!(!second.is_finished() && !third.is_finished());
        permits.pop();
        assert!(pool.0.try_acquire().is_none(), "the second request waits for it");
        let second = second.await.unwrap();
        assert!(matches!(second, Checkout::Connect(_)) && !third.is_finished());
        drop(second);
        assert!(matches!(third.await.unwrap(), Checkout::Connect(_)));
    }

    #[tokio::test]
    async fn a_new_request_does_not_overtake_the_queue() {
        let (pool, permits) = Pool::full(1);
        let first = spawn(&pool).await;
        pool.add_room();
        drop(permits);
        assert!(pool.0.try_checkout(|| pool.reserve()).is_none());
        assert!(matches!(first.await.unwrap(), Checkout::Existing(())));
        assert!(matches!(pool.0.try_checkout(|| pool.reserve()), Some(Checkout::Connect(_))));
    }

    #[tokio::test]
    async fn a_request_that_is_dropped_loses_nothing() {
        let (pool, permits) = Pool::full(1);
        let (first, second, third) = (spawn(&pool).await, spawn(&pool).await, spawn(&pool).await);
        assert_eq!((pool.0.waiting(), pool.0.in_use()), (3, 1));
        second.abort();
        pool.add_room();
        drop(permits);
        first.abort();
        assert!(first.await.is_err() && second.await.is_err());
        assert!(matches!(third.await.unwrap(), Checkout::Existing(())));
        assert_eq!((pool.0.waiting(), pool.0.in_use()), (0, 0));
    }
}
