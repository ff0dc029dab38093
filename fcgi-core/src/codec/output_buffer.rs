//! Bytes that wait to be written, as the slices of one vectored write.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::{Buf, Bytes};

/// Bytes that wait to be written: one buffer of small pieces, with shared chunks between them.
#[derive(Debug, Default)]
pub(super) struct OutputBuffer {
    /// Copied bytes. Those before `start` are written.
    inline_buf: Vec<u8>,
    /// At most `inline_buf.len()`.
    start: usize,
    /// Shared bytes, each with the number of unwritten inline bytes that precede it. The remaining inline bytes
    /// follow the last chunk.
    chunks: VecDeque<(usize, Bytes)>,
    /// Sum of the numbers in `chunks`.
    inline_before: usize,
    /// Sum of the lengths of the chunks.
    chunk_bytes: usize,
    /// Bytes that were written so far.
    written: u64,
}

/// The memory that [`OutputBuffer::advance`] has reclaimed from the front of the inline buffer.
pub(super) enum Reclaimed {
    None,
    /// This many bytes: all indices have decreased.
    Prefix(usize),
    /// The inline buffer is empty.
    All,
}

/// The end of an [`OutputBuffer`], split off.
pub(super) struct Tail {
    pub(super) inline_buf: Vec<u8>,
    /// As in [`OutputBuffer`].
    pub(super) chunks: VecDeque<(usize, Bytes)>,
}

impl OutputBuffer {
    /// Capacity of the first allocation: a small response fits.
    const INITIAL_CAPACITY: usize = 512;

    /// Fewer written bytes than this are not reclaimed while other bytes wait.
    const MIN_RECLAIMED: usize = 4096;

    /// Capacity of a queue of chunks that is kept for the next output.
    const KEPT_CHUNKS: usize = 16;

    pub(super) const fn new() -> Self {
        Self {
            inline_buf: Vec::new(),
            start: 0,
            chunks: VecDeque::new(),
            inline_before: 0,
            chunk_bytes: 0,
            written: 0,
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.inline_buf.len().saturating_sub(self.start).saturating_add(self.chunk_bytes)
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.inline_buf.len() == self.start && self.chunks.is_empty()
    }

    /// Bytes from the beginning of all output, written or not.
    pub(super) fn position(&self) -> u64 {
        self.written.saturating_add(u64::try_from(self.len()).unwrap_or(u64::MAX))
    }

    /// The inline buffer, to append to. Indices into it stay valid until [`advance`](Self::advance).
    #[inline]
    pub(super) const fn inline_buf(&mut self) -> &mut Vec<u8> {
        &mut self.inline_buf
    }

    /// The index of the first unwritten byte in the inline buffer.
    #[inline]
    pub(super) const fn start(&self) -> usize {
        self.start
    }

    /// Allocates the inline buffer if it has no capacity.
    #[inline]
    pub(super) fn reserve_initial(&mut self) {
        if self.inline_buf.capacity() == 0 {
            self.inline_buf.reserve(Self::INITIAL_CAPACITY);
        }
    }

    /// Appends a chunk without a copy.
    pub(super) fn push_chunk(&mut self, content: Bytes) {
        let before = self.inline_buf.len().saturating_sub(self.start).saturating_sub(self.inline_before);
        self.inline_before = self.inline_before.saturating_add(before);
        self.chunk_bytes = self.chunk_bytes.saturating_add(content.len());
        self.chunks.push_back((before, content));
    }

    /// The unwritten bytes in order; no slice is empty.
    pub(super) fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let mut inline = self.inline_buf.get(self.start..).unwrap_or_default();
        let mut chunks = self.chunks.iter();
        let mut pending: Option<&[u8]> = None;
        core::iter::from_fn(move || {
            if let Some(content) = pending.take() {
                return Some(content);
            }
            if let Some((before, content)) = chunks.next() {
                let (head, rest) = inline.split_at_checked(*before).unwrap_or((inline, &[]));
                inline = rest;
                if head.is_empty() {
                    return Some(&content[..]);
                }
                pending = Some(content);
                return Some(head);
            }
            (!inline.is_empty()).then(|| core::mem::take(&mut inline))
        })
    }

    /// Removes the first `len` bytes, or all if there are fewer.
    #[inline]
    pub(super) fn advance(&mut self, mut len: usize) -> Reclaimed {
        let written = u64::try_from(len.min(self.len())).unwrap_or(u64::MAX);
        self.written = self.written.saturating_add(written);
        while len > 0 {
            let Some((before, content)) = self.chunks.front_mut() else {
                self.start = self.start.saturating_add(len).min(self.inline_buf.len());
                break;
            };
            let head = len.min(*before);
            self.start = self.start.saturating_add(head);
            self.inline_before = self.inline_before.saturating_sub(head);
            *before = before.saturating_sub(head);
            len = len.saturating_sub(head);
            let part = len.min(content.len());
            self.chunk_bytes = self.chunk_bytes.saturating_sub(part);
            content.advance(part);
            len = len.saturating_sub(part);
            if content.is_empty() {
                self.chunks.pop_front();
            }
        }
        self.compact()
    }

    /// Reclaims the memory of written bytes.
    #[inline]
    fn compact(&mut self) -> Reclaimed {
        if self.start == self.inline_buf.len() {
            self.inline_buf.clear();
            self.start = 0;
            Reclaimed::All
        } else if self.start >= Self::MIN_RECLAIMED
            && self.start >= self.inline_buf.len().saturating_sub(self.start)
        {
            // At least as many bytes are removed as are moved, so a slow reader costs linear time at most.
            self.inline_buf.drain(..self.start);
            Reclaimed::Prefix(core::mem::take(&mut self.start))
        } else {
            Reclaimed::None
        }
    }

    /// Splits off everything from a [position](Self::position) on, which must be the start of a record. `None`
    /// if it is already written.
    pub(super) fn split_off(&mut self, position: u64) -> Option<Tail> {
        let from = usize::try_from(position.checked_sub(self.written)?).ok()?;
        // The number of chunks before `from`, the bytes up to the end of the last of them, and the index in the
        // inline buffer there.
        let (mut kept, mut before, mut inline) = (0_usize, 0_usize, self.start);
        for (inline_len, content) in &self.chunks {
            // A record begins among the inline bytes or behind the chunk: a chunk's header directly precedes it.
            if from < before.saturating_add(*inline_len) {
                break;
            }
            before = before.saturating_add(*inline_len).saturating_add(content.len());
            inline = inline.saturating_add(*inline_len);
            kept = kept.saturating_add(1);
        }
        let offset = from.checked_sub(before)?;
        let inline = inline.saturating_add(offset);
        if inline > self.inline_buf.len() {
            return None;
        }
        let mut chunks = self.chunks.split_off(kept.min(self.chunks.len()));
        if let Some((inline_len, _)) = chunks.front_mut() {
            *inline_len = inline_len.saturating_sub(offset);
        }
        self.inline_before = self.chunks.iter().fold(0, |sum, (len, _)| sum.saturating_add(*len));
        self.chunk_bytes = self.chunks.iter().fold(0, |sum, (_, content)| sum.saturating_add(content.len()));
        Some(Tail { inline_buf: self.inline_buf.split_off(inline), chunks })
    }

    /// Takes the memory of an empty buffer.
    pub(super) fn take_buffer(&mut self) -> Vec<u8> {
        if !self.is_empty() {
            return Vec::new();
        }
        self.start = 0;
        core::mem::take(&mut self.inline_buf)
    }

    /// Sets the memory, unless the buffer has some.
    pub(super) fn set_buffer(&mut self, buffer: impl FnOnce() -> Vec<u8>) {
        if self.inline_buf.capacity() == 0 {
            self.inline_buf = buffer();
            self.inline_buf.clear();
        }
    }

    /// Frees the memory of an empty buffer, except for a short queue of chunks.
    pub(super) fn shrink(&mut self) {
        if self.is_empty() {
            self.start = 0;
            self.inline_buf = Vec::new();
            if self.chunks.capacity() > Self::KEPT_CHUNKS {
                self.chunks = VecDeque::new();
            }
        }
    }
}
