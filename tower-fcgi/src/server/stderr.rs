//! Error text of the application, on its way to the web server's log.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use fcgi_core::RequestKey;
use tokio::sync::{Semaphore, oneshot};

use super::handle::ConnectionHandle;

/// A request's STDERR (FastCGI §5.3): what is written there is in the web server's own error log, beside the
/// request that it is about, and never at the client.
///
/// [`Params::stderr`](crate::Params::stderr) gives it. A clone writes to the same stream. It may be moved
/// into the response's body, or into a task that outlives the request; it keeps nothing alive there.
#[derive(Clone)]
pub struct Stderr {
    connection: ConnectionHandle,
    /// `None` in a CGI program, which has one request.
    key: Option<RequestKey>,
}

impl Stderr {
    pub(crate) fn new(connection: &ConnectionHandle, key: RequestKey) -> Self {
        Self { connection: connection.clone(), key: Some(key) }
    }

    /// The standard error of a CGI program.
    pub(crate) fn of_program(program: &ConnectionHandle) -> Self {
        Self { connection: program.clone(), key: None }
    }

    /// Writes a line, and waits until it has its place in the connection's output: before all of the answer
    /// that is given after that. While the web server is slow to read, that takes as long as the web server
    /// does, so that a flood of lines does not pile up: of those that wait, at most 64 KiB of a connection, or one
    /// that is longer, are held by the connection, also where their futures were dropped. The others are held by their
    /// futures.
    ///
    /// A line break is added. One that is inside stays there, and nothing is escaped: what comes from a
    /// client can forge lines in a log that shows the text as it is, so write it with `{:?}`.
    ///
    /// Lines of over 8 KiB go out in several records
    /// ([`Limits::max_stderr_record`](crate::Limits::max_stderr_record)); some web servers put each on a line of its
    /// own.
    ///
    /// Write no more than a few lines before the answer's head is out: nginx reads them into the buffer that
    /// it has for the head (`fastcgi_buffer_size`, 4 KiB), and what does not fit there together with the head
    /// can cost the answer ("too big header", a 502), or hold it up. Behind the head there is no such bound.
    ///
    /// # Errors
    /// [`StderrClosed`] once the request is over: answered to its end, given up by the web server, or gone
    /// with its connection.
    ///
    /// # Cancel safety
    /// A line whose future is dropped before it is ready is mostly not written, but it may be.
    pub async fn write(&self, line: impl Into<Vec<u8>>) -> Result<(), StderrClosed> {
        let mut text = line.into();
        text.push(b'\n');
        let room = room_for(&text);
        self.connection.stderr().take_room(room).await?;
        let (taken, waits) = oneshot::channel();
        self.connection.stderr().push(StderrLine { key: self.key, text, room, queued_tx: taken })?;
        self.connection.wake();
        waits.await.map_err(|_| StderrClosed)
    }
}

impl fmt::Debug for Stderr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stderr").finish_non_exhaustive()
    }
}

/// The request is over, and so is its STDERR: the line was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StderrClosed;

impl fmt::Display for StderrClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request is over, and takes no more error text")
    }
}

impl Error for StderrClosed {}

/// The lines that wait for their connection, of all its requests, in the order in which they came.
///
/// They belong to the connection, not to its requests: a request whose handler writes none has nothing of its
/// own here, and costs its connection the look at `state`.
#[derive(Debug, Default)]
pub(crate) struct StderrQueue {
    /// One of the constants below. Changed under the lock, looked at without it.
    state: AtomicU8,
    /// `None` while nothing waits, which is nearly always: an idle connection holds as little as can be.
    queue: Mutex<Option<Box<Queue>>>,
    /// Bytes that there is room for in the queue. A line whose future was dropped keeps its room until the connection
    /// comes to it. Made for the first line, since most connections have none.
    room: OnceLock<Box<Semaphore>>,
}

/// Bytes of lines that wait in a queue. A longer line waits alone.
pub(crate) const ROOM: u32 = 64 * 1024;
/// Bytes that a line takes in the queue beside its text.
const LINE: usize = 128;

/// What a line takes of the room.
fn room_for(text: &[u8]) -> u32 {
    u32::try_from(text.len().saturating_add(LINE)).unwrap_or(ROOM).min(ROOM)
}

/// Nothing waits.
const EMPTY: u8 = 0;
/// Something may wait.
const WAITING: u8 = 1;
/// The connection takes no more, for ever.
const CLOSED: u8 = 2;

#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<StderrLine>,
}

#[derive(Debug)]
struct StderrLine {
    key: Option<RequestKey>,
    text: Vec<u8>,
    /// What it has taken of the room, which it gives back once it has left the queue.
    room: u32,
    /// Told when the line is in the output; dropped if it never will be.
    queued_tx: oneshot::Sender<()>,
}

impl StderrQueue {
    /// Waits for room in the queue, in the order in which it was asked for.
    async fn take_room(&self, bytes: u32) -> Result<(), StderrClosed> {
        let room = self.room.get_or_init(|| Box::new(Semaphore::new(ROOM as usize)));
        room.acquire_many(bytes).await.map_err(|_| StderrClosed)?.forget();
        Ok(())
    }

    fn give_room_back(&self, bytes: u32) {
        if let Some(room) = self.room.get() {
            room.add_permits(bytes as usize);
        }
    }

    fn push(&self, line: StderrLine) -> Result<(), StderrClosed> {
        let mut queue = self.lock();
        if self.state.load(Ordering::Relaxed) == CLOSED {
            drop(queue);
            // For those who came to wait in the moment of the close; they learn of it here too.
            self.give_room_back(line.room);
            return Err(StderrClosed);
        }
        queue.get_or_insert_default().lines.push_back(line);
        self.state.store(WAITING, Ordering::Release);
        Ok(())
    }

    /// For the connection: puts what waits into its output, as far as there is room. A line of a request that
    /// is over is refused.
    #[inline]
    pub(crate) fn flush_to(&self, protocol: &mut fcgi_core::server::Connection, most: usize) {
        if self.state.load(Ordering::Acquire) == WAITING {
            self.pour_waiting(protocol, most);
        }
    }

    #[cold]
    fn pour_waiting(&self, protocol: &mut fcgi_core::server::Connection, most: usize) {
        while protocol.output_len() < most {
            let Some(line) = self.pop() else { return };
            // Whoever wrote it may have been dropped meanwhile.
            if line.queued_tx.is_closed() {
                continue;
            }
            if line.key.is_some_and(|key| protocol.stderr(key, &line.text).is_ok()) {
                let _ = line.queued_tx.send(());
            }
        }
    }

    /// For a CGI program: the next line that waits. Whoever wrote it is told that it has its place.
    pub(crate) fn take(&self) -> Option<Vec<u8>> {
        while self.state.load(Ordering::Acquire) == WAITING {
            let line = self.pop()?;
            if line.queued_tx.send(()).is_ok() {
                return Some(line.text);
            }
        }
        None
    }

    /// For the connection: no request is alive any more, nor will be. Who waits learns of it.
    pub(crate) fn close(&self) {
        let mut queue = self.lock();
        self.state.store(CLOSED, Ordering::Release);
        let lines = queue.take();
        drop(queue);
        if let Some(room) = self.room.get() {
            room.close();
        }
        // Wakes those who wait, hence not under the lock.
        drop(lines);
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
            self.give_room_back(line.room);
        }
        line
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Queue>>> {
        // Nothing in here panics while it holds the lock, and each change is whole.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
