//! Replaces the unwritten records of a stream.

use alloc::vec::Vec;

use bytes::Bytes;

use super::encoder::RecordEncoder;
use super::output_buffer::Tail;
use crate::record::{RecordHeader, RecordType, RequestId};

impl RecordEncoder {
    /// Replaces the records of a stream from a [position](Self::position) on by `content`. A record must begin at
    /// `from`.
    ///
    /// The other records behind it move accordingly. `others` are sorted positions of records behind `from`; they
    /// are updated.
    ///
    /// Returns `false`, without any change, if bytes behind `from` were written.
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
        let mut old_position = from;
        for (header, content) in records(&tail) {
            if (header.kind, header.id) != (kind, id) {
                while let Some(other) = others.next_if(|other| **other <= old_position) {
                    *other = self.position();
                }
                self.write_copied(header, content.inline);
                if let Some(chunk) = content.chunk {
                    self.push_chunk(chunk.clone());
                }
            }
            old_position = old_position.saturating_add(record_len(header));
        }
        for other in others {
            *other = self.position();
        }
        self.split_record();
        true
    }
}

/// The records of a tail, which begins with a record.
fn records(tail: &Tail) -> impl Iterator<Item = (RecordHeader, RecordContent<'_>)> {
    let mut inline = &tail.inline_buf[..];
    let mut chunks = tail.chunks.iter();
    let mut next = chunks.next();
    // Inline bytes before the next chunk.
    let mut before = next.map_or(usize::MAX, |(len, _)| *len);
    core::iter::from_fn(move || {
        let (header, rest) = inline.split_first_chunk()?;
        let header = RecordHeader::decode(*header).ok()?;
        before = before.saturating_sub(RecordHeader::LEN);
        let len = usize::from(header.content_len).saturating_add(header.padding_len.into());
        let chunk = next.filter(|_| before < len);
        let (content, rest) = rest.split_at_checked(if chunk.is_some() { before } else { len })?;
        (inline, before) = (rest, before.saturating_sub(len));
        if chunk.is_some() {
            next = chunks.next();
            before = next.map_or(usize::MAX, |(len, _)| *len);
        }
        Some((header, RecordContent { inline: content, chunk: chunk.map(|(_, chunk)| chunk) }))
    })
}

/// The length in bytes of a record with header and padding.
fn record_len(header: RecordHeader) -> u64 {
    8_u64.saturating_add(header.content_len.into()).saturating_add(header.padding_len.into())
}

/// What follows a header.
struct RecordContent<'a> {
    /// Content and padding, or the content before the chunk.
    inline: &'a [u8],
    /// The rest of the content.
    chunk: Option<&'a Bytes>,
}
