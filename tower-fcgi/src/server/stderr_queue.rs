//! The queue of lines for STDERR, from handlers to their connection.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use fcgi_core::RequestKey;
use fcgi_core::server::Connection;
use tokio::sync::{Semaphore, oneshot};

/// The error of a write to the STDERR of a request that has ended. The line was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the request has ended and accepts no more error text")]
pub struct StderrClosed;

/// The queue of a connection: the lines of all its requests, in the order of the writes.
///
/// One queue per connection, not per request, so that a request without lines takes no memory here, and costs the
/// connection one read of `state`.
#[derive(Debug, Default)]
pub(crate) struct StderrQueue {
    /// One of the constants below. Written under the lock, read without it.
    state: AtomicU8,
    /// `None` while the queue is empty, as it usually is: so an idle connection holds little memory.
    queue: Mutex<Option<Box<Queue>>>,
    /// The free bytes of the queue. A line whose future was dropped keeps its bytes until the connection removes it.
    /// Allocated for the first line, since most connections have none.
    capacity: OnceLock<Box<Semaphore>>,
}

/// The most bytes of lines in a queue. A longer line is queued alone.
pub(crate) const MAX_QUEUED: u32 = 64 * 1024;
/// Bytes that a line takes in the queue in addition to its text.
const LINE_OVERHEAD: usize = 128;

/// The queue is empty.
const EMPTY: u8 = 0;
/// The queue may hold lines.
const WAITING: u8 = 1;
/// The connection accepts no more lines.
const CLOSED: u8 = 2;

#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<StderrLine>,
}

#[derive(Debug)]
struct StderrLine {
    key: Option<RequestKey>,
    text: Vec<u8>,
    /// Its bytes of the capacity, which are released when it leaves the queue.
    size: u32,
    /// Notified when the line is in the output; dropped if the line is dropped.
    queued_tx: oneshot::Sender<()>,
}

impl StderrLine {
    /// The number of lines in the text.
    fn count(&self) -> u64 {
        memchr::memchr_iter(b'\n', &self.text).count() as u64
    }
}

impl StderrQueue {
    /// Waits for capacity, and queues a line. The receiver is ready when the connection has moved the line into its output.
    pub(crate) async fn push(
        &self,
        key: Option<RequestKey>,
        text: Vec<u8>,
    ) -> Result<oneshot::Receiver<()>, StderrClosed> {
        let size =
            u32::try_from(text.len().saturating_add(LINE_OVERHEAD)).unwrap_or(MAX_QUEUED).min(MAX_QUEUED);
        let capacity = self.capacity.get_or_init(|| Box::new(Semaphore::new(MAX_QUEUED as usize)));
        capacity.acquire_many(size).await.map_err(|_| StderrClosed)?.forget();
        let (queued_tx, queued) = oneshot::channel();
        self.push_line(StderrLine { key, text, size, queued_tx })?;
        Ok(queued)
    }

    fn push_line(&self, line: StderrLine) -> Result<(), StderrClosed> {
        let mut queue = self.lock();
        if self.state.load(Ordering::Relaxed) == CLOSED {
            drop(queue);
            // Wakes writers that began to wait during the close.
            self.release(line.size);
            return Err(StderrClosed);
        }
        queue.get_or_insert_default().lines.push_back(line);
        self.state.store(WAITING, Ordering::Release);
        Ok(())
    }

    fn release(&self, bytes: u32) {
        if let Some(capacity) = self.capacity.get() {
            capacity.add_permits(bytes as usize);
        }
    }

    /// For the connection: moves lines into its output until that has `limit` bytes. Drops the lines of requests that have
    /// ended. Returns how many lines were moved, and how many dropped; `None` if the queue was empty.
    #[inline]
    pub(crate) fn flush_to(&self, protocol: &mut Connection, limit: usize) -> Option<(u64, u64)> {
        (self.state.load(Ordering::Acquire) == WAITING).then(|| self.flush_waiting(protocol, limit))
    }

    #[cold]
    fn flush_waiting(&self, protocol: &mut Connection, limit: usize) -> (u64, u64) {
        let (mut moved, mut dropped) = (0, 0);
        while protocol.output_len() < limit {
            let Some(line) = self.pop() else { break };
            // The future of the write may have been dropped.
            if line.queued_tx.is_closed() {
                continue;
            }
            if line.key.is_some_and(|key| protocol.stderr(key, &line.text).is_ok()) {
                moved += line.count();
                let _ = line.queued_tx.send(());
            } else {
                dropped += line.count();
            }
        }
        (moved, dropped)
    }

    /// For a CGI program: takes the next line, and completes its write.
    pub(crate) fn take(&self) -> Option<Vec<u8>> {
        while self.state.load(Ordering::Acquire) == WAITING {
            let line = self.pop()?;
            if line.queued_tx.send(()).is_ok() {
                return Some(line.text);
            }
        }
        None
    }

    /// For the connection: closes the queue. Waiting writes fail with [`StderrClosed`]. Returns how many lines were dropped.
    pub(crate) fn close(&self) -> u64 {
        let mut queue = self.lock();
        self.state.store(CLOSED, Ordering::Release);
        let lines = queue.take();
        drop(queue);
        if let Some(capacity) = self.capacity.get() {
            capacity.close();
        }
        // Dropping the lines wakes their writers, so not under the lock.
        lines.map_or(0, |lines| {
            let waiting = lines.lines.iter().filter(|line| !line.queued_tx.is_closed());
            waiting.map(StderrLine::count).sum()
        })
    }

    fn pop(&self) -> Option<StderrLine> {
        let mut queue = self.lock();
        let line = queue.as_mut().and_then(|queue| queue.lines.pop_front());
        if queue.as_ref().is_none_or(|queue| queue.lines.is_empty()) {
            *queue = None;
            self.state.store(EMPTY, Ordering::Release);
        }
        drop(queue);
        if let Some(line) = &line {
            self.release(line.size);
        }
        line
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Queue>>> {
        // A poisoned queue is consistent: no code panics while the lock is held.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
