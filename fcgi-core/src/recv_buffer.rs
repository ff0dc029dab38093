//! The unread bytes of one input stream.

use alloc::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Bytes that were received for a stream and not yet read.
#[derive(Debug, Default)]
pub(crate) struct RecvBuffer {
    /// Whole pieces, in order.
    chunks: VecDeque<Bytes>,
    /// Small pieces that came after them, put together.
    small_tail: BytesMut,
    /// Bytes in `chunks` and `tail`, and those that were read but not yet reported as consumed.
    unreleased: usize,
    /// Whether further content is dropped on arrival.
    discarding: bool,
}

impl RecvBuffer {
    /// A piece that is smaller is copied, and lies with its neighbours in one buffer. What is left keeps
    /// alive at most eight times its size of the 64 KiB that drivers read to, whatever else was read to them.
    const SMALL: usize = 8192;

    /// The bytes that were received together may be at most this many times a piece that is shared. A peer
    /// that sends one byte of a body among 64 KiB of something else must not make us hold the 64 KiB.
    const MAX_PINNED_RATIO: usize = 8;

    /// Takes in a piece of the stream; gives the bytes that it adds to the charge. `owner`: the buffer that
    /// `content` is a slice of, to be shared where it pays.
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

    /// Moves everything to the end of `into`.
    pub(crate) fn read(&mut self, into: &mut VecDeque<Bytes>) {
        // Not by the charge: what is consumed of a Filter's DATA may have been taken off STDIN's.
        if self.chunks.is_empty() && self.small_tail.is_empty() {
            // The most frequent body is none.
            return;
        }
        if self.chunks.is_empty() {
            // Mostly all of it is one small piece, which is not put anywhere in between.
            self.join_tail(into);
            into.extend(self.take_tail());
            return;
        }
        self.flush_tail();
        into.append(&mut self.chunks);
    }

    /// Whether [`discard`](Self::discard) was called.
    pub(crate) const fn discards(&self) -> bool {
        self.discarding
    }

    /// The charge, in bytes.
    pub(crate) const fn charge(&self) -> usize {
        self.unreleased
    }

    /// Takes `bytes` off the charge; gives how many it really took.
    pub(crate) fn release_capacity(&mut self, bytes: usize) -> usize {
        let bytes = bytes.min(self.unreleased);
        self.unreleased = self.unreleased.saturating_sub(bytes);
        bytes
    }

    /// Drops what is there and what is to come; gives the charge that this frees.
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

    /// Puts the last piece of `into` before the tail, if both are small and nobody else holds it. Else a body
    /// that comes byte by byte, to a handler that does not read it, would cost a buffer for each byte and be
    /// charged one.
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
            Err(held) => *last = held,
        }
    }

    fn flush_tail(&mut self) {
        let tail = self.take_tail();
        self.chunks.extend(tail);
    }

    fn take_tail(&mut self) -> Option<Bytes> {
        // Taken whole, not split off: the next small pieces begin a buffer of their own, so that a piece
        // which its reader keeps does not pin later ones.
        (!self.small_tail.is_empty()).then(|| core::mem::take(&mut self.small_tail).freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    fn read(inbox: &mut RecvBuffer) -> Vec<Bytes> {
        let mut chunks = VecDeque::new();
        inbox.read(&mut chunks);
        chunks.into()
    }

    #[test]
    fn one_byte_pieces_lie_together_and_pin_nothing() {
        let owner = Bytes::from(vec![7; 65_536]);
        let mut inbox = RecvBuffer::default();
        for at in 0..10_000 {
            inbox.push(&owner[at..=at], Some(&owner));
        }
        let chunks = read(&mut inbox);
        assert_eq!(chunks.iter().map(Bytes::len).collect::<Vec<_>>(), [10_000]);
        assert!(!owner.as_ptr_range().contains(&chunks[0].as_ptr()), "a copy");
        assert_eq!(inbox.charge(), 10_000, "until it is consumed");
    }

    #[test]
    fn one_byte_chunks_read_singly_share_few_buffers() {
        let mut inbox = RecvBuffer::default();
        let mut chunks = VecDeque::new();
        let body: Vec<u8> = (0..=250).cycle().take(10_000).collect();
        for byte in body.chunks(1) {
            inbox.push(byte, None);
            inbox.read(&mut chunks);
        }
        assert_eq!(
            chunks.iter().map(Bytes::len).collect::<Vec<_>>(),
            [RecvBuffer::SMALL, 10_000 - RecvBuffer::SMALL]
        );
        assert_eq!(chunks.make_contiguous().concat(), body);
    }

    #[test]
    fn a_chunk_that_is_shared_is_not_changed() {
        let mut inbox = RecvBuffer::default();
        let mut chunks = VecDeque::from([Bytes::from(vec![1, 2])]);
        let held = chunks[0].clone();
        inbox.push(&[3], None);
        inbox.read(&mut chunks);
        assert_eq!(chunks, [&[1, 2][..], &[3]]);
        inbox.push(&[4], None);
        inbox.read(&mut chunks);
        assert_eq!(chunks, [&[1, 2][..], &[3, 4]]);
        assert_eq!(held, [1, 2][..]);
    }

    #[test]
    fn large_chunks_are_shared_unless_they_pin_much_more() {
        let owner = Bytes::from(vec![7; 65_536]);
        let mut inbox = RecvBuffer::default();
        inbox.push(&owner[..8192], Some(&owner));
        inbox.push(&owner[8192..8192 + 8191], Some(&owner));
        let chunks = read(&mut inbox);
        assert_eq!(chunks[0].as_ptr(), owner.as_ptr());
        assert_ne!(chunks[1].as_ptr(), owner[8192..].as_ptr());

        // All that was received at one time, but perhaps into a buffer of 64 KiB that others fill.
        let alone = Bytes::from(vec![7; 8191]);
        inbox.push(&alone, Some(&alone));
        assert_ne!(read(&mut inbox)[0].as_ptr(), alone.as_ptr());
    }

    #[test]
    fn order_holds_between_small_and_large_pieces() {
        let owner: Bytes = (0..30_000_u32).map(|i| i.to_le_bytes()[0]).collect();
        let ranges = [0..10, 10..9_000, 9_000..9_001, 9_001..9_005, 9_005..30_000];
        // Read after any of them, too.
        for reads in 0..1_u32 << ranges.len() {
            let mut inbox = RecvBuffer::default();
            let mut chunks = VecDeque::new();
            for (at, range) in ranges.iter().enumerate() {
                inbox.push(&owner[range.clone()], Some(&owner));
                if reads >> at & 1 == 1 {
                    inbox.read(&mut chunks);
                }
            }
            inbox.read(&mut chunks);
            assert_eq!(chunks.make_contiguous().concat(), owner, "read after {reads:b}");
        }
    }

    #[test]
    fn only_release_capacity_returns_window() {
        let mut inbox = RecvBuffer::default();
        assert_eq!(inbox.push(b"abcdef", None), 6);
        read(&mut inbox);
        assert_eq!(inbox.charge(), 6);
        assert_eq!(inbox.release_capacity(4), 4);
        assert_eq!(inbox.release_capacity(4), 2, "never more than was charged");
        inbox.push(b"gh", None);
        assert_eq!(inbox.discard(), 2);
        assert_eq!(inbox.push(b"ij", None), 0);
        assert!(read(&mut inbox).is_empty());
    }
}
