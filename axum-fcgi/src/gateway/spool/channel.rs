//! What a client can read now of a response, between the task that receives the response and the body that the client reads.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use axum::body::Bytes;
use axum::http::HeaderMap;
use http_body::Frame;
use tokio::time::Instant;

use super::chunk_queue::ChunkQueue;

/// A queue of chunks in memory.
#[derive(Debug)]
pub(super) struct ResponseChannel(Mutex<ChannelState>);

#[derive(Debug)]
struct ChannelState {
    chunks: ChunkQueue,
    end: ResponseEnd,
    reader: Option<Waker>,
    task: Option<Waker>,
    interest: Interest,
    /// When the client read last, or when the first chunk came that it has not read.
    unread_since: Instant,
}

/// What follows the chunks.
#[derive(Debug)]
pub(super) enum ResponseEnd {
    /// More chunks may follow.
    Open,
    Clean(Option<HeaderMap>),
    Failed(axum::Error),
    /// Nothing: the end was read.
    Read,
    /// The body was dropped.
    Closed,
}

/// What the task waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
    /// The body is dropped.
    Close,
    /// Also: the client has read down to this many bytes.
    Level(usize),
}

/// The client's side, as the task sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientState {
    /// The body was dropped.
    Gone,
    /// No more bytes are unread than the task waits for.
    Level,
    /// Bytes are unread, since then.
    Unread(Instant),
    /// The client has read everything.
    Waiting,
}

impl ResponseChannel {
    pub(super) fn new(chunks: ChunkQueue) -> Self {
        Self(Mutex::new(ChannelState {
            chunks,
            end: ResponseEnd::Open,
            reader: None,
            task: None,
            interest: Interest::Close,
            unread_since: Instant::now(),
        }))
    }

    /// Queues a chunk, and returns it if more than `limit` bytes would be queued, or if all bodies together have too much. An
    /// empty queue takes any chunk.
    pub(super) fn try_send(&self, chunk: Bytes, limit: usize) -> Result<(), Bytes> {
        let mut state = self.lock();
        if state.chunks.is_empty() {
            push(state, chunk);
            return Ok(());
        }
        if state.chunks.len() + chunk.len() as u64 > limit as u64 {
            return Err(chunk);
        }
        state.chunks.try_push(chunk)?;
        wake(state, |state| state.reader.take());
        Ok(())
    }

    /// Queues a chunk in any case.
    pub(super) fn send(&self, chunk: Bytes) {
        push(self.lock(), chunk);
    }

    /// Ends the response after the chunks.
    pub(super) fn end(&self, end: ResponseEnd) {
        let mut state = self.lock();
        if matches!(state.end, ResponseEnd::Open) {
            state.end = end;
        }
        wake(state, |state| state.reader.take());
    }

    /// Fails the response, and drops its chunks. It also fails if its end was known: the client has not read that.
    pub(super) fn fail(&self, error: axum::Error) {
        let mut state = self.lock();
        state.chunks.clear();
        if !matches!(state.end, ResponseEnd::Closed | ResponseEnd::Read) {
            state.end = ResponseEnd::Failed(error);
        }
        wake(state, |state| state.reader.take());
    }

    /// For the task: the state of the client. Registers the waker for the next change that is of interest.
    pub(super) fn poll_client(&self, interest: Interest, cx: &Context<'_>) -> ClientState {
        let mut state = self.lock();
        state.task = Some(cx.waker().clone());
        state.interest = interest;
        match interest {
            _ if matches!(state.end, ResponseEnd::Closed) => ClientState::Gone,
            Interest::Level(level) if state.chunks.len() <= level as u64 => ClientState::Level,
            _ if state.chunks.is_empty() => ClientState::Waiting,
            _ => ClientState::Unread(state.unread_since),
        }
    }

    /// For the body: the next frame.
    pub(super) fn poll_frame(&self, cx: &Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut state = self.lock();
        if let Some(chunk) = state.chunks.pop() {
            state.unread_since = Instant::now();
            if matches!(state.interest, Interest::Level(level) if state.chunks.len() <= level as u64) {
                wake(state, |state| state.task.take());
            }
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        match mem::replace(&mut state.end, ResponseEnd::Read) {
            ResponseEnd::Open => {
                state.end = ResponseEnd::Open;
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            ResponseEnd::Clean(trailers) => {
                Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
            }
            ResponseEnd::Failed(error) => Poll::Ready(Some(Err(error))),
            ResponseEnd::Read | ResponseEnd::Closed => Poll::Ready(None),
        }
    }

    /// For the body: whether nothing follows.
    pub(super) fn is_at_end(&self) -> bool {
        let state = self.lock();
        state.chunks.is_empty() && matches!(state.end, ResponseEnd::Clean(None) | ResponseEnd::Read)
    }

    /// For the body: it is dropped.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.end = ResponseEnd::Closed;
        state.chunks.clear();
        wake(state, |state| state.task.take());
    }

    fn lock(&self) -> MutexGuard<'_, ChannelState> {
        // A poisoned state is consistent: no code panics while the lock is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn push(mut state: MutexGuard<'_, ChannelState>, chunk: Bytes) {
    if state.chunks.is_empty() {
        state.unread_since = Instant::now();
    }
    state.chunks.push(chunk);
    wake(state, |state| state.reader.take());
}

/// Wakes after the lock is released.
fn wake(mut state: MutexGuard<'_, ChannelState>, waker: impl FnOnce(&mut ChannelState) -> Option<Waker>) {
    let waker = waker(&mut state);
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}
