//! What is received of a response beyond its memory.

use axum::body::Bytes;

use super::buffering::Buffering;
use super::chunk_queue::ChunkQueue;
use super::error::SpoolError;
use super::temp_file::TempFile;
use crate::request_log::{RequestLog, request_event};

/// The most bytes that are written to a file at once, or read from it.
const BATCH: u64 = 64 * 1024;

/// A queue of bytes: the oldest are in a file, the newest in memory until they are written.
#[derive(Debug)]
pub(super) struct Overflow {
    buffering: Buffering,
    file: Option<TempFile>,
    room: FileRoom,
    /// The settings of [`Buffering`] that were logged as reached, so that there is one warning for each.
    reported_limits: Vec<&'static str>,
    /// The unread bytes of the file. Its space is used again from the start when all of them were read.
    read_at: u64,
    write_at: u64,
    backlog: ChunkQueue,
    /// For the log.
    request: RequestLog,
}

/// Whether more can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileRoom {
    Available,
    /// The file, or all files together, had no room. Holds until all of the file was read.
    UsedUp,
    /// The file failed.
    Failed,
}

impl Overflow {
    pub(super) fn new(buffering: &Buffering, request: RequestLog) -> Self {
        let room = if buffering.max_response_file == 0 { FileRoom::Failed } else { FileRoom::Available };
        Self {
            buffering: buffering.clone(),
            file: None,
            room,
            reported_limits: Vec::new(),
            read_at: 0,
            write_at: 0,
            backlog: ChunkQueue::new(buffering.reserve_memory()),
            request,
        }
    }

    /// The request whose response this is, for the log.
    pub(super) const fn request(&self) -> &RequestLog {
        &self.request
    }

    pub(super) fn is_empty(&self) -> bool {
        self.read_at == self.write_at && self.backlog.is_empty()
    }

    /// Whether it takes more. If not, the application waits.
    pub(super) fn has_room(&self) -> bool {
        match self.room {
            FileRoom::Available => self.backlog.len() < BATCH,
            FileRoom::UsedUp | FileRoom::Failed => self.backlog.is_empty(),
        }
    }

    /// Adds a chunk, and writes to the file if there is enough to write.
    pub(super) async fn push(&mut self, chunk: Bytes) {
        let pushed = self.backlog.try_push(chunk);
        let has_memory = pushed.is_ok();
        if let Err(chunk) = pushed {
            self.backlog.push(chunk);
        }
        let write = match self.room {
            FileRoom::Available => self.backlog.len() >= BATCH || !has_memory,
            FileRoom::UsedUp => true,
            FileRoom::Failed => false,
        };
        if write {
            self.write().await;
        }
    }

    /// Writes all that is in memory. On failure it stays there.
    async fn write(&mut self) {
        let len = self.write_at + self.backlog.len();
        if len > self.buffering.max_response_file {
            self.used_up("max_response_file");
            return;
        }
        match self.try_write(len).await {
            Ok(()) => {
                self.backlog.clear();
                self.write_at = len;
            }
            Err(SpoolError::TotalUsedUp) => {
                self.used_up("max_total_files");
            }
            Err(error) => {
                let error = &error as &(dyn std::error::Error + 'static);
                request_event!(
                    error,
                    &self.request,
                    error,
                    "buffering a response failed: the application waits for the client"
                );
                self.room = FileRoom::Failed;
            }
        }
    }

    /// `limit`: the setting of [`Buffering`] that is reached.
    fn used_up(&mut self, limit: &'static str) {
        self.room = FileRoom::UsedUp;
        if !self.reported_limits.contains(&limit) {
            self.reported_limits.push(limit);
            request_event!(
                warn,
                &self.request,
                limit,
                "the temporary files of responses are at a limit: the application waits for the client"
            );
        }
    }

    async fn try_write(&mut self, len: u64) -> Result<(), SpoolError> {
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                let reserved = self.buffering.reserve_response_files();
                TempFile::create(&self.buffering.directory, reserved, len).await?
            }
        };
        let file = self.file.insert(file);
        file.try_reserve(len)?;
        file.write(self.write_at, self.backlog.chunks()).await
    }

    /// Removes the oldest bytes; `None` if it is empty.
    pub(super) async fn pop(&mut self) -> Result<Option<Bytes>, SpoolError> {
        if let Some(file) = &self.file
            && self.read_at < self.write_at
        {
            let bytes = file.read(self.read_at, (self.write_at - self.read_at).min(BATCH)).await?;
            self.read_at += bytes.len() as u64;
            if self.read_at == self.write_at {
                (self.read_at, self.write_at) = (0, 0);
                if self.room == FileRoom::UsedUp {
                    self.room = FileRoom::Available;
                }
            }
            return Ok(Some(bytes));
        }
        Ok(self.backlog.pop())
    }
}
