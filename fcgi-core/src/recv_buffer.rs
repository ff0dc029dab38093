//! The unread bytes of one input stream.

use alloc::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Bytes that were received for a stream and not read yet.
#[derive(Debug, Default)]
pub(crate) struct RecvBuffer {
    /// Complete chunks, in order.
    chunks: VecDeque<Bytes>,
    /// Small pieces after them, joined.
    small_tail: BytesMut,
    /// Bytes in `chunks` and `small_tail`, and those that were read but whose capacity was not released.
    unreleased: usize,
    /// Whether further content is dropped on arrival.
    discarding: bool,
}

impl RecvBuffer {
    /// Smaller pieces are copied, and joined with their neighbours. Of the 64 KiB that drivers read into, a
    /// larger piece pins at most eight times its size.
    const SMALL: usize = 8192;

    /// A piece is shared only if the bytes received with it are at most this many times its size: a peer that
    /// sends one byte of a body in 64 KiB of other records must not pin all 64 KiB.
    const MAX_PINNED_RATIO: usize = 8;

    /// Appends a piece of the stream. `owner` is the buffer that contains `content`, to share it. Returns the
    /// bytes added to [`unreleased`](Self::unreleased).
    pub(crate) fn push(&mut self, content: &[u8], owner: Option<&Bytes>) -> usize {
        if self.discarding {
            return 0;
        }
        self.unreleased = self.unreleased.saturating_add(content.len());
        match owner {
            Some(owner)
                if content.len() >= Self::SMALL
                    && content.len().saturating_mul(Self::MAX_PINNED_RATIO) >= owner.len() =>
            {
                self.flush_tail();
                self.chunks.push_back(owner.slice_ref(content));
            }
            _ => self.small_tail.extend_from_slice(content),
        }
        content.len()
    }

    /// Moves all unread bytes to the end of `into`.
    pub(crate) fn read(&mut self, into: &mut VecDeque<Bytes>) {
        // Do not check `unreleased`: bytes of a Filter's DATA may have been released from STDIN.
        if self.chunks.is_empty() && self.small_tail.is_empty() {
            // Fast path: most requests have no body.
            return;
        }
        if self.chunks.is_empty() {
            // Fast path: usually the body is one small piece.
            self.join_tail(into);
            into.extend(self.take_tail());
            return;
        }
        self.flush_tail();
        into.append(&mut self.chunks);
    }

    /// Whether [`discard`](Self::discard) was called.
    pub(crate) const fn is_discarding(&self) -> bool {
        self.discarding
    }

    /// Bytes that were received and not [released](Self::release_capacity), read or not.
    pub(crate) const fn unreleased(&self) -> usize {
        self.unreleased
    }

    /// Releases up to `bytes`, and returns how many.
    pub(crate) fn release_capacity(&mut self, bytes: usize) -> usize {
        let bytes = bytes.min(self.unreleased);
        self.unreleased = self.unreleased.saturating_sub(bytes);
        bytes
    }

    /// Drops all unread and future content. Returns the bytes that this releases.
    pub(crate) fn discard(&mut self) -> usize {
        self.discarding = true;
        if self.chunks.capacity() > 0 {
            self.chunks = VecDeque::new();
        }
        if self.small_tail.capacity() > 0 {
            self.small_tail = BytesMut::new();
        }
        core::mem::take(&mut self.unreleased)
    }

    /// Appends the tail to the last chunk of `into`, if both are small and the chunk is not shared. Otherwise a
    /// body that arrives byte by byte would need a buffer per byte while its handler does not read.
    fn join_tail(&mut self, into: &mut VecDeque<Bytes>) {
        let Some(last) = into.back_mut() else { return };
        if self.small_tail.is_empty() || last.len().saturating_add(self.small_tail.len()) > Self::SMALL {
            return;
        }
        match core::mem::take(last).try_into_mut() {
            Ok(mut joined) => {
                joined.extend_from_slice(&self.small_tail);
                self.small_tail = BytesMut::new();
                *last = joined.freeze();
            }
            Err(shared) => *last = shared,
        }
    }

    fn flush_tail(&mut self) {
        let tail = self.take_tail();
        self.chunks.extend(tail);
    }

    fn take_tail(&mut self) -> Option<Bytes> {
        // Take the buffer, do not split it: a piece that its reader keeps must not pin later ones.
        (!self.small_tail.is_empty()).then(|| core::mem::take(&mut self.small_tail).freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    fn read(buffer: &mut RecvBuffer) -> Vec<Bytes> {
        let mut chunks = VecDeque::new();
        buffer.read(&mut chunks);
        chunks.into()
    }

    #[test]
    fn one_byte_pieces_are_joined_and_pin_nothing() {
        let owner = Bytes::from(vec![7; 65_536]);
        let mut buffer = RecvBuffer::default();
        for at in 0..10_000 {
            buffer.push(&owner[at..=at], Some(&owner));
        }
        let chunks = read(&mut buffer);
        assert_eq!(chunks.iter().map(Bytes::len).collect::<Vec<_>>(), [10_000]);
        assert!(!owner.as_ptr_range().contains(&chunks[0].as_ptr()), "a copy");
        assert_eq!(buffer.unreleased(), 10_000, "until it is released");
    }

    #[test]
    fn one_byte_chunks_read_singly_share_few_buffers() {
        let mut buffer = RecvBuffer::default();
        let mut chunks = VecDeque::new();
        let body: Vec<u8> = (0..=250).cycle().take(10_000).collect();
        for byte in body.chunks(1) {
            buffer.push(byte, None);
            buffer.read(&mut chunks);
        }
        assert_eq!(
            chunks.iter().map(Bytes::len).collect::<Vec<_>>(),
            [RecvBuffer::SMALL, 10_000 - RecvBuffer::SMALL]
        );
        assert_eq!(chunks.make_contiguous().concat(), body);
    }

    #[test]
    fn a_shared_chunk_is_not_changed() {
        let mut buffer = RecvBuffer::default();
        let mut chunks = VecDeque::from([Bytes::from(vec![1, 2])]);
        let shared = chunks[0].clone();
        buffer.push(&[3], None);
        buffer.read(&mut chunks);
        assert_eq!(chunks, [&[1, 2][..], &[3]]);
        buffer.push(&[4], None);
        buffer.read(&mut chunks);
        assert_eq!(chunks, [&[1, 2][..], &[3, 4]]);
        assert_eq!(shared, [1, 2][..]);
    }

    #[test]
    fn large_chunks_are_shared_unless_they_pin_much_more() {
        let owner = Bytes::from(vec![7; 65_536]);
        let mut buffer = RecvBuffer::default();
        buffer.push(&owner[..8192], Some(&owner));
        buffer.push(&owner[8192..8192 + 8191], Some(&owner));
        let chunks = read(&mut buffer);
        assert_eq!(chunks[0].as_ptr(), owner.as_ptr());
        assert_ne!(chunks[1].as_ptr(), owner[8192..].as_ptr());

        // Nothing else was received with it, but it may lie in a larger buffer.
        let alone = Bytes::from(vec![7; 8191]);
        buffer.push(&alone, Some(&alone));
        assert_ne!(read(&mut buffer)[0].as_ptr(), alone.as_ptr());
    }

    #[test]
    fn order_holds_between_small_and_large_pieces() {
        let owner: Bytes = (0..30_000_u32).map(|i| i.to_le_bytes()[0]).collect();
        let ranges = [0..10, 10..9_000, 9_000..9_001, 9_001..9_005, 9_005..30_000];
        // Also with reads after any of the pieces.
        for reads in 0..1_u32 << ranges.len() {
            let mut buffer = RecvBuffer::default();
            let mut chunks = VecDeque::new();
            for (at, range) in ranges.iter().enumerate() {
                buffer.push(&owner[range.clone()], Some(&owner));
                if reads >> at & 1 == 1 {
                    buffer.read(&mut chunks);
                }
            }
            buffer.read(&mut chunks);
            assert_eq!(chunks.make_contiguous().concat(), owner, "read after {reads:b}");
        }
    }

    #[test]
    fn only_release_capacity_returns_window() {
        let mut buffer = RecvBuffer::default();
        assert_eq!(buffer.push(b"abcdef", None), 6);
        read(&mut buffer);
        assert_eq!(buffer.unreleased(), 6);
        assert_eq!(buffer.release_capacity(4), 4);
        assert_eq!(buffer.release_capacity(4), 2, "never more than was received");
        buffer.push(b"gh", None);
        assert_eq!(buffer.discard(), 2);
        assert_eq!(buffer.push(b"ij", None), 0);
        assert!(read(&mut buffer).is_empty());
    }
}
