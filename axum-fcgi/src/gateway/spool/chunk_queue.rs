//! Chunks that wait in memory.

use std::collections::VecDeque;

use axum::body::Bytes;
use bytes::BytesMut;

use super::total::Reservation;

/// A shorter chunk is copied to those before it. It would take 100 bytes and more otherwise: its place in the queue, and an
/// allocation with its counter.
const SMALL: usize = 1024;

/// Copies are joined up to this size.
const JOINED: usize = 4 * SMALL;

/// A queue of chunks, with the memory that they take.
#[derive(Debug)]
pub(super) struct ChunkQueue {
    chunks: VecDeque<Bytes>,
    /// Small chunks that were copied; they are the last.
    tail: BytesMut,
    memory: Reservation,
}

impl ChunkQueue {
    /// An empty queue.
    pub(super) fn new(memory: Reservation) -> Self {
        Self { chunks: VecDeque::new(), tail: BytesMut::new(), memory }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.tail.is_empty()
    }

    /// The bytes of all chunks.
    pub(super) const fn len(&self) -> u64 {
        self.memory.bytes()
    }

    /// Adds a chunk, and returns it if all bodies together would hold too much.
    pub(super) fn try_push(&mut self, chunk: Bytes) -> Result<(), Bytes> {
        if !self.memory.try_grow(chunk.len() as u64) {
            return Err(chunk);
        }
        self.add(chunk);
        Ok(())
    }

    /// Adds a chunk in any case.
    pub(super) fn push(&mut self, chunk: Bytes) {
        self.memory.grow(chunk.len() as u64);
        self.add(chunk);
    }

    fn add(&mut self, chunk: Bytes) {
        if chunk.is_empty() {
            return;
        }
        // The first chunk stays as it is: most responses have one.
        if chunk.len() >= SMALL || self.is_empty() {
            self.end_tail();
            self.chunks.push_back(chunk);
            return;
        }
        if self.tail.len() + chunk.len() > JOINED {
            self.end_tail();
        }
        self.tail.extend_from_slice(&chunk);
    }

    fn end_tail(&mut self) {
        if !self.tail.is_empty() {
            self.chunks.push_back(std::mem::take(&mut self.tail).freeze());
        }
    }

    /// Removes the oldest bytes.
    pub(super) fn pop(&mut self) -> Option<Bytes> {
        if self.chunks.is_empty() {
            self.end_tail();
        }
        let chunk = self.chunks.pop_front()?;
        self.memory.shrink(chunk.len() as u64);
        Some(chunk)
    }

    /// All chunks. They stay in the queue.
    pub(super) fn chunks(&mut self) -> VecDeque<Bytes> {
        self.end_tail();
        self.chunks.clone()
    }

    pub(super) fn clear(&mut self) {
        self.chunks.clear();
        self.tail = BytesMut::new();
        self.memory.shrink(self.memory.bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::total::Total;
    use super::*;

    fn queue(limit: u64) -> (ChunkQueue, Arc<Total>) {
        let total = Arc::<Total>::default();
        (ChunkQueue::new(Reservation::new(&total, limit)), total)
    }

    #[test]
    fn small_chunks_are_joined() {
        let (mut queue, total) = queue(1 << 20);
        for _ in 0..64 * SMALL {
            queue.try_push(Bytes::from_static(b"x")).unwrap();
        }
        assert_eq!((queue.len(), total.used()), (64 * 1024, 64 * 1024));
        assert_eq!(queue.pop().unwrap(), "x");
        let (mut chunks, mut capacity) = (0, 0);
        while let Some(chunk) = queue.pop() {
            chunks += 1;
            capacity += chunk.try_into_mut().unwrap().capacity();
        }
        assert_eq!(chunks, 16);
        assert!(capacity <= 2 * 64 * SMALL, "{capacity}");
    }

    #[test]
    fn chunks_keep_their_order() {
        let (mut queue, total) = queue(1 << 20);
        let mut all = Vec::new();
        let mut read = Vec::new();
        for len in [1, 2000, 1, 1, 1, 5000, 1023, 1024, 1023, 1023, 1023, 1023, 1023, 0, 7] {
            let chunk: Vec<_> = (0..len).map(|at| (all.len() + at) as u8).collect();
            all.extend_from_slice(&chunk);
            queue.push(chunk.into());
            if len == 5000 {
                read.extend_from_slice(&queue.pop().unwrap());
            }
        }
        assert_eq!(queue.len(), (all.len() - read.len()) as u64);
        while let Some(chunk) = queue.pop() {
            read.extend_from_slice(&chunk);
        }
        assert!(queue.is_empty());
        assert_eq!(read, all);
        assert_eq!(total.used(), 0);
    }

    #[test]
    fn the_first_chunk_is_not_copied() {
        let (mut queue, _) = queue(1 << 20);
        let chunk = Bytes::from(vec![1; 10]);
        queue.push(chunk.clone());
        queue.push(chunk.clone());
        assert_eq!(queue.pop().unwrap().as_ptr(), chunk.as_ptr());
    }

    #[test]
    fn a_full_total_returns_the_chunk() {
        let (mut queue, total) = queue(10);
        queue.try_push(Bytes::from_static(b"12345678")).unwrap();
        assert_eq!(queue.try_push(Bytes::from_static(b"123")).unwrap_err(), "123");
        queue.push(Bytes::from_static(b"123"));
        assert_eq!(total.used(), 11);
        queue.clear();
        assert_eq!((queue.is_empty(), total.used()), (true, 0));
    }
}
