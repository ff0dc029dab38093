//! Bodies in memory, with exact accounts of memory and files.

#[cfg(unix)]
mod full_disk;
mod http2;
mod requests;
mod responses;

use std::fs;

use axum::body::{Body, Bytes};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;

use super::Buffering;

/// A directory of its own for temporary files.
struct Spool {
    directory: TempDir,
    buffering: Buffering,
}

impl Spool {
    fn new(change: impl FnOnce(Buffering) -> Buffering) -> Self {
        let directory = TempDir::new().unwrap();
        let buffering = change(Buffering::default().with_directory(directory.path()));
        Self { directory, buffering }
    }

    fn used(&self) -> (u64, u64) {
        (self.buffering.used_memory(), self.buffering.used_files())
    }

    /// Waits until nothing is in use. No file is left, named or open.
    async fn assert_released(&self) {
        while self.used() != (0, 0) {
            yield_now().await;
        }
        assert_eq!(fs::read_dir(self.directory.path()).unwrap().count(), 0);
        assert_eq!(self.open_files(), 0);
    }

    /// How many files of the directory are open, also those without a name.
    #[cfg(target_os = "linux")]
    fn open_files(&self) -> usize {
        let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
        let open = open.filter_map(|descriptor| fs::read_link(descriptor.path()).ok());
        open.filter(|file| file.starts_with(self.directory.path())).count()
    }

    #[cfg(not(target_os = "linux"))]
    fn open_files(&self) -> usize {
        0
    }
}

type ChunkSender = mpsc::UnboundedSender<Result<Bytes, &'static str>>;

/// A body of what is sent to it.
fn channel() -> (ChunkSender, Body) {
    let (sender, body, _) = observed_channel();
    (sender, body)
}

/// Also: resolves when the body has ended or was dropped.
fn observed_channel() -> (ChunkSender, Body, oneshot::Receiver<()>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let (guard, dropped) = oneshot::channel();
    let stream = futures_util::stream::unfold((receiver, guard), async |(mut receiver, guard)| {
        receiver.recv().await.map(|chunk| (chunk, (receiver, guard)))
    });
    (sender, Body::from_stream(stream), dropped)
}

/// Bytes that differ from one position to the next.
fn pattern(from: usize, len: usize) -> Bytes {
    const PERIOD: usize = 251;
    let period: Vec<_> = (0..=250).collect();
    let start = from % PERIOD;
    let mut bytes = period.repeat((start + len).div_ceil(PERIOD));
    bytes.truncate(start + len);
    Bytes::from(bytes).slice(start..)
}

/// The request of a response, for the log.
fn no_request() -> crate::request_log::RequestLog {
    crate::request_log::RequestLog::of(&axum::http::Request::new(()))
}
