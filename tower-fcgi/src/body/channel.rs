//! What the connection and a body that is still being received share.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use fcgi_core::{BodyState, Misuse};

use super::Kind;
use crate::sync::{Mutex, MutexGuard, PoisonError};

/// One stream between the connection, which puts bytes in, and its [`RequestBody`](super::RequestBody), which
/// takes them out.
///
/// The lock is held for a few instructions, never while anything is woken, and mostly by the same task on
/// both sides.
///
/// The other way round, for an answer to a [client](crate::client), it is the same; `K` is why one breaks off.
#[derive(Debug)]
pub(crate) struct Cell<K = Kind> {
    shared: Mutex<Shared<K>>,
}

#[derive(Debug)]
struct Shared<K> {
    chunks: VecDeque<Bytes>,
    /// Bytes that the connection has put in, ever.
    received: u64,
    end: End<K>,
    /// Bytes that were taken out and not yet reported to the connection.
    consumed: usize,
    /// Waits for bytes.
    reader: Option<Waker>,
    /// Waits for bytes to be consumed.
    connection: Option<Waker>,
}

/// What comes behind the chunks.
#[derive(Debug)]
enum End<K> {
    /// More of them.
    Open,
    /// The end of the body.
    Clean,
    /// The reason why there is no more.
    Broken(K),
    /// Nobody: the body was dropped.
    Closed,
}

/// What the connection learns when it puts bytes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    Reads,
    /// The body was dropped: nobody will read any more of it.
    Gone,
}

impl<K> Default for Cell<K> {
    fn default() -> Self {
        let shared = Shared {
            chunks: VecDeque::new(),
            received: 0,
            end: End::Open,
            consumed: 0,
            reader: None,
            connection: None,
        };
        Self { shared: Mutex::new(shared) }
    }
}

impl<K: Clone> Cell<K> {
    /// For the body: the next bytes, `None` at the clean end.
    pub(crate) fn poll_chunk(&self, cx: &Context<'_>) -> Poll<Result<Option<Bytes>, K>> {
        let mut shared = self.lock();
        if let Some(chunk) = shared.chunks.pop_front() {
            shared.consumed += chunk.len();
            let connection = shared.connection.take();
            drop(shared);
            if let Some(connection) = connection {
                connection.wake();
            }
            return Poll::Ready(Ok(Some(chunk)));
        }
        match &shared.end {
            End::Clean | End::Closed => Poll::Ready(Ok(None)),
            End::Broken(kind) => Poll::Ready(Err(kind.clone())),
            End::Open => {
                match &mut shared.reader {
                    Some(reader) => reader.clone_from(cx.waker()),
                    reader @ None => *reader = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
        }
    }

    /// For the body: nobody reads it any more.
    pub(crate) fn close(&self) {
        let mut shared = self.lock();
        shared.end = End::Closed;
        let chunks = std::mem::take(&mut shared.chunks);
        shared.consumed += chunks.iter().map(Bytes::len).sum::<usize>();
        let wakers = (shared.reader.take(), shared.connection.take());
        drop(shared);
        drop(chunks);
        if let Some(connection) = wakers.1 {
            connection.wake();
        }
    }

    /// For the connection: more bytes, which `fill` appends, and whether they are the last.
    pub(crate) fn deliver(&self, fill: impl FnOnce(&mut VecDeque<Bytes>) -> Delivered<K>) -> Reader {
        let mut shared = self.lock();
        if matches!(shared.end, End::Closed) {
            return Reader::Gone;
        }
        // The last piece may be joined with what comes.
        let last = shared.chunks.len().saturating_sub(1);
        let before = shared.chunks.get(last).map_or(0, Bytes::len);
        let delivered = fill(&mut shared.chunks);
        let after: usize = shared.chunks.range(last.min(shared.chunks.len())..).map(Bytes::len).sum();
        shared.received += after.saturating_sub(before) as u64;
        if matches!(shared.end, End::Open) {
            shared.end = match delivered {
                Delivered::More => End::Open,
                Delivered::Last => End::Clean,
                Delivered::Broken(kind) => End::Broken(kind),
            };
        }
        let reader = shared.reader.take();
        drop(shared);
        if let Some(reader) = reader {
            reader.wake();
        }
        Reader::Reads
    }

    /// For the connection: the body breaks off for this reason, unless its end is already known.
    pub(crate) fn break_off(&self, kind: K) {
        self.deliver(|_| Delivered::Broken(kind));
    }

    /// For the connection: the bytes that it has put in so far.
    pub(crate) fn received(&self) -> u64 {
        self.lock().received
    }

    /// For the connection: the bytes that nobody has taken out.
    pub(crate) fn unread(&self) -> usize {
        self.lock().chunks.iter().map(Bytes::len).sum()
    }

    /// For the connection: whether more is wanted, and can come.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.lock().end, End::Open)
    }

    /// For the connection: whether somebody waits for bytes.
    pub(crate) fn is_awaited(&self) -> bool {
        let shared = self.lock();
        matches!(shared.end, End::Open) && shared.reader.is_some()
    }

    /// For the connection: the bytes that were consumed since the last call, and whether the body is still
    /// wanted. With a `waker`, that is woken at the next change.
    pub(crate) fn consumed(&self, waker: Option<&Waker>) -> (usize, Reader) {
        let mut shared = self.lock();
        if let Some(waker) = waker {
            shared.connection = Some(waker.clone());
        }
        let reader = if matches!(shared.end, End::Closed) { Reader::Gone } else { Reader::Reads };
        (std::mem::take(&mut shared.consumed), reader)
    }

    fn lock(&self) -> MutexGuard<'_, Shared<K>> {
        // Nothing in here panics while it holds the lock, and each change is whole.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What [`Cell::deliver`] was given.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Delivered<K = Kind> {
    More,
    Last,
    Broken(K),
}

impl From<Result<BodyState, Misuse>> for Delivered {
    fn from(read: Result<BodyState, Misuse>) -> Self {
        match read {
            Ok(BodyState::Open) => Self::More,
            Ok(BodyState::Ended) => Self::Last,
            Ok(BodyState::Aborted) => Self::Broken(Kind::Aborted),
            Err(_) => Self::Broken(Kind::Over),
        }
    }
}
