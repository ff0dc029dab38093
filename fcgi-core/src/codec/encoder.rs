//! Encodes records into bytes.

use alloc::vec::Vec;

use bytes::Bytes;

use super::output_buffer::{OutputBuffer, Reclaimed, Tail};
use crate::error::UserError;
use crate::name_value::whole_pairs;
use crate::record::{EndRequest, RecordHeader, RecordType, RequestId};

/// Encodes records and buffers them until they are written (FastCGI §3.3).
///
/// Headers and small contents share one buffer; large contents stay the `Bytes` that they are. So a small
/// response is one slice, and a large one is a list of slices without a copy: [`slices`](Self::slices) returns
/// them in order, [`advance`](Self::advance) removes what was written.
///
/// Consecutive small contents of one stream share a record until its first byte is written: a response head and a
/// short body are one STDOUT record.
///
/// ```
/// use fcgi_core::{RecordEncoder, RecordType, RequestId};
/// let mut encoder = RecordEncoder::new();
/// encoder.write_stream(RecordType::STDOUT, RequestId(1), b"Status: 200 OK\r\n");
/// encoder.write_stream(RecordType::STDOUT, RequestId(1), b"\r\n");
/// encoder.write_stream_end(RecordType::STDOUT, RequestId(1));
/// assert_eq!(encoder.len(), 8 + 18 + 8);
/// let written = encoder.slices().next().unwrap().len();
/// encoder.advance(written);
/// assert!(encoder.is_empty());
/// ```
#[derive(Debug, Default)]
pub struct RecordEncoder {
    buffer: OutputBuffer,
    /// The last record, if more content of its stream may join it.
    open: Option<OpenRecord>,
}

#[derive(Debug, Clone, Copy)]
struct OpenRecord {
    kind: RecordType,
    id: RequestId,
    /// Index of its header in the inline buffer. Unwritten as long as this is at least the buffer's `start`.
    header: usize,
    content_len: u16,
}

impl OpenRecord {
    /// The number of bytes that still fit.
    fn room(&self) -> usize {
        MAX_CONTENT.saturating_sub(usize::from(self.content_len))
    }
}

impl RecordEncoder {
    /// Contents of at least this many bytes are not copied. Copying fewer is cheaper than another slice, here and
    /// in the kernel.
    pub const ZERO_COPY_THRESHOLD: usize = 4096;

    /// An encoder with an empty buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self { buffer: OutputBuffer::new(), open: None }
    }

    /// The number of bytes that wait to be written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether everything is written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Where the next record begins: bytes from the beginning of all output, written or not.
    pub(crate) fn position(&self) -> u64 {
        self.buffer.position()
    }

    /// Writes one record with short content, such as BEGIN_REQUEST or END_REQUEST.
    ///
    /// Truncates content over 65 535 bytes: use [`write_stream`](Self::write_stream) for streams.
    pub fn write_record(&mut self, kind: RecordType, id: RequestId, content: &[u8]) {
        let content = content.get(..MAX_CONTENT).unwrap_or(content);
        let content_len = u16::try_from(content.len()).unwrap_or(u16::MAX);
        self.write_copied(RecordHeader::new(kind, id, content_len), content);
    }

    /// Writes a copy of `content` to a stream, in as many records as necessary.
    ///
    /// Empty content writes nothing: an empty record would end the stream (§3.3), see
    /// [`write_stream_end`](Self::write_stream_end).
    pub fn write_stream(&mut self, kind: RecordType, id: RequestId, mut content: &[u8]) {
        while !content.is_empty() {
            let record = self.open_record(kind, id);
            let (part, rest) = content.split_at_checked(record.room()).unwrap_or((content, &[]));
            content = rest;
            self.append(record, part);
        }
    }

    /// Writes to a stream in place: `write` appends the content to the buffer.
    ///
    /// `write` must only append; if it panics, its bytes are removed. Content that does not fit the record is
    /// copied once.
    pub fn write_stream_with(&mut self, kind: RecordType, id: RequestId, write: impl FnOnce(&mut Vec<u8>)) {
        if let Some(content) = self.write_in_place(kind, id, write) {
            self.write_stream(kind, id, &content);
        }
    }

    /// Writes a copy of encoded name-value pairs to a stream, in as many records as necessary. Each record has whole
    /// pairs.
    ///
    /// The specification lets a record end anywhere in a pair (FastCGI §3.3), but PHP decodes each record of PARAMS by
    /// itself, and closes the connection if a pair continues in the next one.
    ///
    /// `pairs` must be complete: see [`encode_pair`](crate::encode_pair).
    ///
    /// # Errors
    /// [`UserError::PairTooLong`] if a pair does not fit a record. Nothing is written then.
    pub fn write_pairs(
        &mut self,
        kind: RecordType,
        id: RequestId,
        mut pairs: &[u8],
    ) -> Result<(), UserError> {
        let mut rest = pairs;
        while !rest.is_empty() {
            let len = whole_pairs(rest, MAX_CONTENT).ok_or(UserError::PairTooLong)?;
            rest = rest.get(len..).unwrap_or_default();
        }
        while !pairs.is_empty() {
            let record = self.open_record(kind, id);
            match whole_pairs(pairs, record.room()) {
                Some(len) => {
                    let (part, rest) = pairs.split_at_checked(len).unwrap_or((pairs, &[]));
                    pairs = rest;
                    self.append(record, part);
                }
                // Not a new record: each pair fits one.
                None => self.split_record(),
            }
        }
        Ok(())
    }

    /// As [`write_pairs`](Self::write_pairs), in place: `write` appends the pairs to the buffer with
    /// [`encode_pair`](crate::encode_pair).
    ///
    /// `write` must only append; if it panics, its bytes are removed. Pairs that do not fit the record are copied
    /// once.
    ///
    /// # Errors
    /// As [`write_pairs`](Self::write_pairs).
    pub fn write_pairs_with(
        &mut self,
        kind: RecordType,
        id: RequestId,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), UserError> {
        match self.write_in_place(kind, id, write) {
            Some(pairs) => self.write_pairs(kind, id, &pairs),
            None => Ok(()),
        }
    }

    /// Writes to a stream in place. Returns the content, and removes it, if it does not fit the record.
    fn write_in_place(
        &mut self,
        kind: RecordType,
        id: RequestId,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Option<Vec<u8>> {
        let record = self.open_record(kind, id);
        let start = self.buffer.inline_buf().len();
        let mut guard = InPlaceWrite { start, record, encoder: self, kept: 0 };
        let inline_buf = guard.encoder.buffer.inline_buf();
        write(inline_buf);
        let len = inline_buf.len().saturating_sub(start);
        match u16::try_from(len) {
            Ok(kept) if len <= record.room() => {
                guard.kept = kept;
                None
            }
            _ => Some(inline_buf.get(start..).unwrap_or_default().to_vec()),
        }
    }

    /// Begins a new record with the next content, even if it could join the last one.
    ///
    /// Use it for content that the peer must process before more follows. With kept connections and buffering, nginx
    /// processes the bytes after a head only once they are 8; a shorter piece in the record of the head would wait for
    /// the next piece.
    pub const fn split_record(&mut self) {
        self.open = None;
    }

    /// Writes a copy of error text, in records of at most `max_len` content bytes, each with padding.
    ///
    /// HAProxy (seen with 2.6.12) frees the memory of a STDERR record whose content ends what it has read, and
    /// crashes soon after. With padding, no content ends there.
    pub(crate) fn write_stderr(&mut self, id: RequestId, content: &[u8], max_len: u16) {
        for part in content.chunks(usize::from(max_len.max(1))) {
            let content_len = u16::try_from(part.len()).unwrap_or(max_len);
            // FastCGI §3.3: the next record stays aligned.
            let padding_len = 8_u8.saturating_sub(content_len.to_be_bytes()[1] & 7);
            let header =
                RecordHeader { padding_len, ..RecordHeader::new(RecordType::STDERR, id, content_len) };
            self.write_copied(header, part);
            let padding = [0; 8].get(..usize::from(padding_len)).unwrap_or_default();
            self.buffer.inline_buf().extend_from_slice(padding);
        }
    }

    /// Writes `content` to a stream, without a copy from [`ZERO_COPY_THRESHOLD`](Self::ZERO_COPY_THRESHOLD) bytes
    /// on.
    ///
    /// A short rest that exceeds the last record is copied, and shares a record with the content that follows: bodies
    /// often come in pieces of 64 KiB, 8 bytes more than an aligned record holds.
    pub fn write_stream_bytes(&mut self, kind: RecordType, id: RequestId, mut content: Bytes) {
        while content.len() >= Self::ZERO_COPY_THRESHOLD {
            let mut record = self.open_record(kind, id);
            let used = usize::from(record.content_len);
            let part_len = if content.len() <= MAX_CONTENT.saturating_sub(used) {
                content.len()
            } else {
                MAX_ALIGNED.saturating_sub(used)
            };
            self.open = None;
            // Otherwise this record is almost full.
            if part_len >= Self::ZERO_COPY_THRESHOLD {
                let part = content.split_to(part_len);
                let part_len = u16::try_from(part_len).unwrap_or(u16::MAX);
                record.content_len = record.content_len.saturating_add(part_len);
                self.update_header(record);
                self.push_chunk(part);
            }
        }
        self.write_stream(kind, id, &content);
    }

    /// Writes the empty record that ends a stream (§3.3).
    pub fn write_stream_end(&mut self, kind: RecordType, id: RequestId) {
        self.write_record(kind, id, &[]);
    }

    /// Writes the end of STDOUT and END_REQUEST (§5.5) at once.
    pub(crate) fn write_end_request(&mut self, id: RequestId, end: EndRequest) {
        let stdout = RecordHeader::new(RecordType::STDOUT, id, 0).encode();
        let request = RecordHeader::new(RecordType::END_REQUEST, id, EndRequest::CONTENT_LEN).encode();
        let mut records = [0; 24];
        let parts = records.chunks_exact_mut(RecordHeader::LEN);
        for (part, bytes) in parts.zip([stdout, request, end.encode()]) {
            part.copy_from_slice(&bytes);
        }
        self.buffer.inline_buf().extend_from_slice(&records);
        self.open = None;
    }

    /// The bytes that wait to be written, in order; no slice is empty.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        self.buffer.slices()
    }

    /// Removes the first `written` bytes, or all if there are fewer.
    pub fn advance(&mut self, written: usize) {
        match self.buffer.advance(written) {
            Reclaimed::None => {}
            Reclaimed::All => self.open = None,
            Reclaimed::Prefix(len) => {
                self.open = self
                    .open
                    .and_then(|open| Some(OpenRecord { header: open.header.checked_sub(len)?, ..open }));
            }
        }
    }

    /// Takes the memory of an empty encoder, for [another one](Self::set_buffer) to use.
    ///
    /// So idle connections hold no buffer, and need not allocate one for each response either.
    pub fn take_buffer(&mut self) -> Vec<u8> {
        self.buffer.take_buffer()
    }

    /// Sets the memory of an encoder that has none. The content of `buffer` is discarded.
    pub fn set_buffer(&mut self, buffer: impl FnOnce() -> Vec<u8>) {
        self.buffer.set_buffer(buffer);
    }

    /// Frees memory that an idle connection does not need.
    pub fn shrink(&mut self) {
        self.buffer.shrink();
    }

    /// Removes the records from a [position](Self::position) on. They must not be written yet.
    pub(crate) fn truncate(&mut self, position: u64) {
        let _ = self.split_off(position);
        self.open = None;
    }

    /// Splits off the records from a [position](Self::position) on.
    pub(super) fn split_off(&mut self, position: u64) -> Option<Tail> {
        self.buffer.split_off(position)
    }

    /// Writes one record whose content is copied.
    pub(super) fn write_copied(&mut self, header: RecordHeader, content: &[u8]) {
        let inline_buf = self.buffer.inline_buf();
        inline_buf.extend_from_slice(&header.encode());
        inline_buf.extend_from_slice(content);
        self.open = None;
    }

    /// Appends the end of the last record's content without a copy.
    pub(super) fn push_chunk(&mut self, content: Bytes) {
        self.buffer.push_chunk(content);
        self.open = None;
    }

    /// The record for more content of this stream: the last one, or a new one.
    fn open_record(&mut self, kind: RecordType, id: RequestId) -> OpenRecord {
        self.buffer.reserve_initial();
        match self.open {
            Some(open)
                if open.kind == kind
                    && open.id == id
                    && open.header >= self.buffer.start()
                    && usize::from(open.content_len) < MAX_CONTENT =>
            {
                open
            }
            _ => {
                let inline_buf = self.buffer.inline_buf();
                let header = inline_buf.len();
                inline_buf.extend_from_slice(&RecordHeader::new(kind, id, 0).encode());
                OpenRecord { kind, id, header, content_len: 0 }
            }
        }
    }

    /// Appends a copy of `part`, which must fit the record.
    fn append(&mut self, mut record: OpenRecord, part: &[u8]) {
        self.buffer.inline_buf().extend_from_slice(part);
        let part_len = u16::try_from(part.len()).unwrap_or(u16::MAX);
        record.content_len = record.content_len.saturating_add(part_len);
        self.update_header(record);
    }

    /// Stores the record's content length in its header.
    fn update_header(&mut self, record: OpenRecord) {
        let header = RecordHeader::new(record.kind, record.id, record.content_len).encode();
        let end = record.header.saturating_add(RecordHeader::LEN);
        if let Some(bytes) = self.buffer.inline_buf().get_mut(record.header..end) {
            bytes.copy_from_slice(&header);
        }
        self.open = Some(record);
    }
}

/// A write in place. On drop, removes the bytes unless they are `kept`.
struct InPlaceWrite<'a> {
    encoder: &'a mut RecordEncoder,
    record: OpenRecord,
    /// Index of the first byte in the inline buffer.
    start: usize,
    kept: u16,
}

impl Drop for InPlaceWrite<'_> {
    fn drop(&mut self) {
        let (encoder, mut record) = (&mut *self.encoder, self.record);
        if self.kept > 0 {
            record.content_len = record.content_len.saturating_add(self.kept);
            return encoder.update_header(record);
        }
        encoder.buffer.inline_buf().truncate(self.start);
        if record.content_len == 0 {
            // The header is new, and an empty record would end the stream.
            encoder.buffer.inline_buf().truncate(record.header);
            encoder.open = None;
        }
    }
}

/// The most content bytes of a record.
const MAX_CONTENT: usize = 65_535;

/// The most content bytes after which the next record is 8-byte aligned (§3.3).
const MAX_ALIGNED: usize = 65_528;

#[cfg(test)]
mod tests;
