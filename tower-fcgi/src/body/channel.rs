//! The channel between a connection and a body that is still being received.

#![cfg_attr(not(feature = "server"), expect(dead_code, reason = "each side uses a part of it"))]

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use crate::sync::{Mutex, MutexGuard, PoisonError};

/// The chunks of one body, from the connection that sends them to the [`RequestBody`](super::RequestBody) that reads them.
///
/// It is the only queue of chunks: the connection moves here what the protocol has received, in the same turn. Response
/// bodies of the [client](crate::client) use it too. `K` is the error of a body.
///
/// The lock is held for a few instructions, never while the protocol is called or a task is woken. Usually one task uses
/// both sides, so it is rarely contended.
#[derive(Debug)]
pub(crate) struct BodyChannel<K> {
    shared: Mutex<ChannelState<K>>,
}

#[derive(Debug)]
struct ChannelState<K> {
    chunks: VecDeque<Bytes>,
    /// All bytes that the connection has sent so far.
    received: u64,
    end: BodyEnd<K>,
    /// Bytes that the body has read and the connection has not taken into account yet.
    consumed: usize,
    /// The waker of a body that waits for bytes.
    receiver: Option<Waker>,
    /// The waker of a connection that waits for bytes to be consumed.
    connection_waker: Option<Waker>,
}

/// What follows the chunks.
#[derive(Debug)]
enum BodyEnd<K> {
    /// More chunks may follow.
    Open,
    /// The end of the body.
    Clean,
    /// An error.
    Broken(K),
    /// Nothing: the body was dropped.
    Closed,
}

/// What is known about the bytes of a body that it has not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyRest {
    /// The stream has ended, and this many bytes are left.
    Exactly(u64),
    /// The stream is open, and no byte was received.
    NothingYet,
}

/// Whether the body still exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiver {
    Open,
    /// The body was dropped: no more of it will be read.
    Dropped,
}

impl<K> Default for BodyChannel<K> {
    fn default() -> Self {
        let shared = ChannelState {
            chunks: VecDeque::new(),
            received: 0,
            end: BodyEnd::Open,
            consumed: 0,
            receiver: None,
            connection_waker: None,
        };
        Self { shared: Mutex::new(shared) }
    }
}

impl<K: Clone> BodyChannel<K> {
    /// For the body: polls for the next chunk; `None` at the clean end.
    pub(crate) fn poll_chunk(&self, cx: &Context<'_>) -> Poll<Result<Option<Bytes>, K>> {
        let mut shared = self.lock();
        if let Some(chunk) = shared.chunks.pop_front() {
            shared.consumed += chunk.len();
            let connection = shared.connection_waker.take();
            drop(shared);
            if let Some(connection) = connection {
                connection.wake();
            }
            return Poll::Ready(Ok(Some(chunk)));
        }
        match &shared.end {
            BodyEnd::Clean | BodyEnd::Closed => Poll::Ready(Ok(None)),
            BodyEnd::Broken(kind) => Poll::Ready(Err(kind.clone())),
            BodyEnd::Open => {
                match &mut shared.receiver {
                    Some(reader) => reader.clone_from(cx.waker()),
                    reader @ None => *reader = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
        }
    }

    /// For the body: what is known about its rest; `None` if unknown, also after an error.
    pub(crate) fn rest(&self) -> Option<BodyRest> {
        let shared = self.lock();
        let bytes = shared.chunks.iter().map(|chunk| chunk.len() as u64).sum();
        match shared.end {
            BodyEnd::Clean | BodyEnd::Closed => Some(BodyRest::Exactly(bytes)),
            BodyEnd::Open if shared.received == 0 => Some(BodyRest::NothingYet),
            BodyEnd::Open | BodyEnd::Broken(_) => None,
        }
    }

    /// For the body: closes the channel when it is dropped.
    pub(crate) fn close(&self) {
        let mut shared = self.lock();
        shared.end = BodyEnd::Closed;
        let chunks = std::mem::take(&mut shared.chunks);
        shared.consumed += chunks.iter().map(Bytes::len).sum::<usize>();
        let wakers = (shared.receiver.take(), shared.connection_waker.take());
        drop(shared);
        drop(chunks);
        if let Some(connection) = wakers.1 {
            connection.wake();
        }
    }

    /// For the connection: sends all of `chunks`, and what follows them.
    pub(crate) fn send(&self, chunks: &mut VecDeque<Bytes>, outcome: SendOutcome<K>) -> Receiver {
        let mut shared = self.lock();
        if matches!(shared.end, BodyEnd::Closed) {
            drop(shared);
            chunks.clear();
            return Receiver::Dropped;
        }
        shared.received += chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>();
        append(&mut shared.chunks, chunks);
        if matches!(shared.end, BodyEnd::Open) {
            shared.end = match outcome {
                SendOutcome::More => BodyEnd::Open,
                SendOutcome::Last => BodyEnd::Clean,
                SendOutcome::Broken(kind) => BodyEnd::Broken(kind),
            };
        }
        let receiver = shared.receiver.take();
        drop(shared);
        if let Some(receiver) = receiver {
            receiver.wake();
        }
        Receiver::Open
    }

    /// For the connection: fails the body with this error, unless it has already ended.
    pub(crate) fn fail(&self, kind: K) {
        self.send(&mut VecDeque::new(), SendOutcome::Broken(kind));
    }

    /// For the connection: all bytes that it has sent so far.
    pub(crate) fn received(&self) -> u64 {
        self.lock().received
    }

    /// For the connection: the bytes that the body has not read.
    pub(crate) fn unread(&self) -> usize {
        self.lock().chunks.iter().map(Bytes::len).sum()
    }

    /// For the connection: whether more can be sent.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.lock().end, BodyEnd::Open)
    }

    /// For the connection: whether all of it was sent, without an error.
    pub(crate) fn is_complete(&self) -> bool {
        matches!(self.lock().end, BodyEnd::Clean)
    }

    /// For the connection: whether the body waits for bytes.
    pub(crate) fn reader_is_waiting(&self) -> bool {
        let shared = self.lock();
        matches!(shared.end, BodyEnd::Open) && shared.receiver.is_some()
    }

    /// For the connection: the bytes that were consumed since the last call, and whether the body still exists. Registers
    /// `waker`, if any, for the next change.
    pub(crate) fn take_consumed(&self, waker: Option<&Waker>) -> (usize, Receiver) {
        let mut shared = self.lock();
        if let Some(waker) = waker {
            shared.connection_waker = Some(waker.clone());
        }
        let reader = if matches!(shared.end, BodyEnd::Closed) { Receiver::Dropped } else { Receiver::Open };
        (std::mem::take(&mut shared.consumed), reader)
    }

    /// For the connection: as [`take_consumed`](Self::take_consumed), but registers `waker` only if nothing was consumed.
    pub(crate) fn poll_consumed(&self, waker: &Waker) -> (usize, Receiver) {
        let consumed = self.take_consumed(None);
        if consumed.0 > 0 { consumed } else { self.take_consumed(Some(waker)) }
    }

    fn lock(&self) -> MutexGuard<'_, ChannelState<K>> {
        // A poisoned state is consistent: no code panics while the lock is held.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Moves `chunks` to the end of `queue`. Joins small chunks: otherwise a body that arrives byte by byte, and is not read,
/// would take a buffer for each byte.
fn append(queue: &mut VecDeque<Bytes>, chunks: &mut VecDeque<Bytes>) {
    if queue.is_empty() {
        // Avoids an allocation, and reuses the memory of the queue for the next chunks.
        std::mem::swap(queue, chunks);
        return;
    }
    if let (Some(last), Some(first)) = (queue.back_mut(), chunks.front())
        && last.len().saturating_add(first.len()) <= MAX_JOINED
    {
        match std::mem::take(last).try_into_mut() {
            Ok(mut joined) => {
                joined.extend_from_slice(first);
                *last = joined.freeze();
                chunks.pop_front();
            }
            Err(shared) => *last = shared,
        }
    }
    queue.append(chunks);
}

/// The most bytes of a joined chunk.
const MAX_JOINED: usize = 8192;

/// What follows the chunks that were [sent](BodyChannel::send).
#[derive(Debug, Clone, Copy)]
pub(crate) enum SendOutcome<K> {
    More,
    Last,
    Broken(K),
}
