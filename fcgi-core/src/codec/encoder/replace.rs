//! Output that is taken back: the records of one stream that have not been written.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;

use super::RecordEncoder;
use crate::record::{RecordHeader, RecordType, RequestId};

impl RecordEncoder {
    /// Replaces the records of a stream from a [position](Self::position) on, at which a record begins, by `content`,
    /// which is put there.
    ///
    /// What follows moves with that. `others`: further positions of records behind `from`, in order, which are
    /// changed to where those records are then.
    ///
    /// `false`: what lies at `from` was written in part, and nothing changes.
    pub(crate) fn replace_stream(
        &mut self,
        (kind, id): (RecordType, RequestId),
        from: u64,
        content: &[u8],
        others: Vec<&mut u64>,
    ) -> bool {
        let Some(tail) = self.split_off(from) else { return false };
        self.split_record();
        self.write_stream(kind, id, content);
        let mut others = others.into_iter().peekable();
        let mut was_at = from;
        for (header, content) in tail.records() {
            if (header.kind, header.id) != (kind, id) {
                while let Some(other) = others.next_if(|other| **other <= was_at) {
                    *other = self.position();
                }
                match content {
                    RecordContent::Inline(content) => {
                        self.inline_buf.extend_from_slice(&header.encode());
                        self.inline_buf.extend_from_slice(content);
                    }
                    RecordContent::Chunk(content) => self.push_chunk(header, content.clone()),
                }
            }
            was_at = was_at.saturating_add(record_len(header));
        }
        for other in others {
            *other = self.position();
        }
        self.split_record();
        true
    }

    /// Takes everything from a position on, at which a record must begin. `None`: it was written.
    fn split_off(&mut self, from: u64) -> Option<RemovedRecords> {
        let from = usize::try_from(from.checked_sub(self.position_base)?).ok()?;
        // The entry of `large` before which it lies, and the bytes before that entry's gap.
        let (mut kept, mut before, mut small) = (0_usize, 0_usize, self.start);
        for (gap, content) in &self.chunks {
            // A record begins in the gap or behind the content: its header is never the last of the gap.
            if from < before.saturating_add(*gap) {
                break;
            }
            before = before.saturating_add(*gap).saturating_add(content.len());
            small = small.saturating_add(*gap);
            kept = kept.saturating_add(1);
        }
        let in_gap = from.checked_sub(before)?;
        let small = small.saturating_add(in_gap);
        if small > self.inline_buf.len() {
            return None;
        }
        let mut large = self.chunks.split_off(kept.min(self.chunks.len()));
        if let Some((gap, _)) = large.front_mut() {
            *gap = gap.saturating_sub(in_gap);
        }
        self.inline_before = self.chunks.iter().fold(0, |sum, (gap, _)| sum.saturating_add(*gap));
        self.chunk_bytes = self.chunks.iter().fold(0, |sum, (_, content)| sum.saturating_add(content.len()));
        Some(RemovedRecords { inline_buf: self.inline_buf.split_off(small), chunks: large })
    }
}

/// Whole records that were taken out of an [`RecordEncoder`].
struct RemovedRecords {
    inline_buf: Vec<u8>,
    chunks: VecDeque<(usize, Bytes)>,
}

impl RemovedRecords {
    fn records(&self) -> impl Iterator<Item = (RecordHeader, RecordContent<'_>)> {
        let mut small = &self.inline_buf[..];
        let mut large = self.chunks.iter();
        let mut next = large.next();
        // Bytes of `small` before the next large content.
        let mut gap = next.map_or(usize::MAX, |(gap, _)| *gap);
        core::iter::from_fn(move || {
            let (header, rest) = small.split_first_chunk()?;
            let header = RecordHeader::decode(*header).ok()?;
            (small, gap) = (rest, gap.saturating_sub(RecordHeader::LEN));
            if let (0, Some((_, content))) = (gap, next) {
                next = large.next();
                gap = next.map_or(usize::MAX, |(gap, _)| *gap);
                return Some((header, RecordContent::Chunk(content)));
            }
            let len = usize::from(header.content_len).saturating_add(header.padding_len.into());
            let (content, rest) = small.split_at_checked(len)?;
            (small, gap) = (rest, gap.saturating_sub(len));
            Some((header, RecordContent::Inline(content)))
        })
    }
}

/// Bytes of a whole record.
fn record_len(header: RecordHeader) -> u64 {
    8_u64.saturating_add(header.content_len.into()).saturating_add(header.padding_len.into())
}

/// What follows a header.
enum RecordContent<'a> {
    /// With its padding.
    Inline(&'a [u8]),
    Chunk(&'a Bytes),
}
