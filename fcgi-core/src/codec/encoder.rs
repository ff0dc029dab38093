//! Records to bytes: what waits to be written, as buffers fit for one vectored write.

mod replace;

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::{Buf, Bytes};

use crate::record::{EndRequest, RecordHeader, RecordType, RequestId};

/// Records that wait for the transport.
///
/// Headers and small contents lie together in one buffer; a large content stays the `Bytes` that it came as,
/// between them. So a small answer is one slice, and a large one is a list of slices without a copy:
/// [`slices`](Self::slices) gives them in order, [`advance`](Self::advance) takes what was written.
///
/// Contents of one stream that are written one after the other share a record as long as they are small and
/// it has not gone out: a head and a short body are one STDOUT record.
///
/// ```
/// use fcgi_core::{Enframer, RecordType, RequestId};
/// let mut out = Enframer::new();
/// out.stream(RecordType::STDOUT, RequestId(1), b"Status: 200 OK\r\n");
/// out.stream(RecordType::STDOUT, RequestId(1), b"\r\n");
/// out.end_stream(RecordType::STDOUT, RequestId(1));
/// assert_eq!(out.len(), 8 + 18 + 8);
/// let written = out.slices().next().unwrap().len();
/// out.advance(written);
/// assert!(out.is_empty());
/// ```
#[derive(Debug, Default)]
pub struct RecordEncoder {
    /// Headers and small contents. Those before `start` are written.
    inline_buf: Vec<u8>,
    /// At most `small.len()`.
    start: usize,
    /// Large contents, each behind that many unwritten bytes of `small`; what is left of `small` follows the
    /// last.
    chunks: VecDeque<(usize, Bytes)>,
    /// Unwritten bytes of `small` that the entries of `large` have claimed.
    inline_before: usize,
    /// Unwritten bytes of all contents in `large`.
    chunk_bytes: usize,
    /// The last record, if more content of its stream may still join it.
    open: Option<OpenRecord>,
    /// Bytes that were ever written.
    position_base: u64,
}

#[derive(Debug, Clone, Copy)]
struct OpenRecord {
    kind: RecordType,
    id: RequestId,
    /// Where its header begins in `small`. Not written as long as this is not before `start`.
    header: usize,
    content_len: u16,
}

impl RecordEncoder {
    /// A content of at least this many bytes is not copied. Below it a copy is cheaper than the bookkeeping
    /// of one more slice in the kernel and here.
    pub const ZERO_COPY_THRESHOLD: usize = 4096;

    /// Bytes of the first allocation.
    const INITIAL_CAPACITY: usize = 512;

    /// Nothing to write.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            inline_buf: Vec::new(),
            start: 0,
            chunks: VecDeque::new(),
            inline_before: 0,
            chunk_bytes: 0,
            open: None,
            position_base: 0,
        }
    }

    /// Bytes that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inline_buf.len().saturating_sub(self.start).saturating_add(self.chunk_bytes)
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inline_buf.len() == self.start && self.chunks.is_empty()
    }

    /// Where the next record begins: bytes from the beginning of all output, whether written or not.
    pub(crate) fn position(&self) -> u64 {
        self.position_base.saturating_add(u64::try_from(self.len()).unwrap_or(u64::MAX))
    }

    /// A whole record with a short content, such as BEGIN_REQUEST or END_REQUEST.
    ///
    /// Content over 65 535 bytes is cut: use [`stream`](Self::write_stream) for streams.
    pub fn write_record(&mut self, kind: RecordType, id: RequestId, content: &[u8]) {
        let content = content.get(..MAX_CONTENT).unwrap_or(content);
        // `MAX_CONTENT` is what a u16 holds.
        let content_len = u16::try_from(content.len()).unwrap_or(u16::MAX);
        self.open = None;
        self.inline_buf.extend_from_slice(&RecordHeader::new(kind, id, content_len).encode());
        self.inline_buf.extend_from_slice(content);
    }

    /// Content of a stream, copied, in as many records as it needs. Empty content writes nothing: it would
    /// end the stream (§3.3), and that is [`end_stream`](Self::write_stream_end)'s to say.
    pub fn write_stream(&mut self, kind: RecordType, id: RequestId, mut content: &[u8]) {
        while !content.is_empty() {
            let mut record = self.open_record(kind, id);
            let room = MAX_CONTENT.saturating_sub(usize::from(record.content_len));
            let (part, rest) = content.split_at_checked(room).unwrap_or((content, &[]));
            content = rest;
            self.inline_buf.extend_from_slice(part);
            let part = u16::try_from(part.len()).unwrap_or(u16::MAX);
            record.content_len = record.content_len.saturating_add(part);
            self.update_header(record);
        }
    }

    /// Content of a stream that `write` appends to the buffer it is given, with no copy in between unless it
    /// is more than fits the record. `write` must only append; should it panic, what it wrote is taken back.
    pub fn write_stream_with(&mut self, kind: RecordType, id: RequestId, write: impl FnOnce(&mut Vec<u8>)) {
        let record = self.open_record(kind, id);
        let mut written = InPlaceWrite { start: self.inline_buf.len(), record, encoder: self, kept: 0 };
        write(&mut written.encoder.inline_buf);
        let len = written.encoder.inline_buf.len().saturating_sub(written.start);
        let room = MAX_CONTENT.saturating_sub(usize::from(record.content_len));
        match u16::try_from(len) {
            Ok(kept) if len <= room => written.kept = kept,
            _ => {
                let content = written.encoder.inline_buf.get(written.start..).unwrap_or_default().to_vec();
                drop(written);
                self.write_stream(kind, id, &content);
            }
        }
    }

    /// What comes next begins a record, even if it could join the last one.
    ///
    /// A piece that is to be seen before the next one comes is better off in a record of its own: where nginx
    /// keeps connections and buffers, it looks at what follows a head only once that is 8 bytes, so a shorter
    /// piece in the head's own record would wait for the piece after it.
    pub const fn split_record(&mut self) {
        self.open = None;
    }

    /// Error text, copied, in records of at most `most` bytes of content, each with some padding.
    ///
    /// The padding is for HAProxy (seen with 2.6.12): it takes the memory of a STDERR record whose content ends all
    /// that it has read, and dies of it soon after. With padding behind it no content does.
    pub(crate) fn write_stderr(&mut self, id: RequestId, content: &[u8], most: u16) {
        for part in content.chunks(usize::from(most.max(1))) {
            let content_len = u16::try_from(part.len()).unwrap_or(most);
            // What follows stays aligned (FastCGI §3.3).
            let padding_len = 8_u8.saturating_sub(content_len.to_be_bytes()[1] & 7);
            let header =
                RecordHeader { padding_len, ..RecordHeader::new(RecordType::STDERR, id, content_len) };
            self.inline_buf.extend_from_slice(&header.encode());
            self.inline_buf.extend_from_slice(part);
            self.inline_buf.extend_from_slice([0; 8].get(..usize::from(padding_len)).unwrap_or_default());
        }
        if !content.is_empty() {
            self.open = None;
        }
    }

    /// Content of a stream. From [`LARGE`](Self::ZERO_COPY_THRESHOLD) bytes on it is not copied, but for a short rest
    /// beyond what its records can carry: the 64 KiB that bodies often give at a time are 8 bytes more than
    /// fit one.
    pub fn write_stream_bytes(&mut self, kind: RecordType, id: RequestId, mut content: Bytes) {
        while content.len() >= Self::ZERO_COPY_THRESHOLD {
            let whole = content.len() <= MAX_CONTENT;
            let part = content.split_to(if whole { content.len() } else { MAX_ALIGNED });
            let len = u16::try_from(part.len()).unwrap_or(u16::MAX);
            self.push_chunk(RecordHeader::new(kind, id, len), part);
        }
        self.write_stream(kind, id, &content);
    }

    /// A record whose content is not copied.
    fn push_chunk(&mut self, header: RecordHeader, content: Bytes) {
        self.inline_buf.extend_from_slice(&header.encode());
        let gap = self.inline_buf.len().saturating_sub(self.start).saturating_sub(self.inline_before);
        self.inline_before = self.inline_before.saturating_add(gap);
        self.chunk_bytes = self.chunk_bytes.saturating_add(content.len());
        self.chunks.push_back((gap, content));
        self.open = None;
    }

    /// The empty record that ends a stream (§3.3).
    pub fn write_stream_end(&mut self, kind: RecordType, id: RequestId) {
        self.write_record(kind, id, &[]);
    }

    /// The end of STDOUT and END_REQUEST (§5.5), which belong together.
    pub(crate) fn write_end_request(&mut self, id: RequestId, end: EndRequest) {
        let stdout = RecordHeader::new(RecordType::STDOUT, id, 0).encode();
        let request = RecordHeader::new(RecordType::END_REQUEST, id, EndRequest::CONTENT_LEN).encode();
        let mut records = [0; 24];
        let places = records.chunks_exact_mut(RecordHeader::LEN);
        for (place, bytes) in places.zip([stdout, request, end.encode()]) {
            place.copy_from_slice(&bytes);
        }
        self.inline_buf.extend_from_slice(&records);
        self.open = None;
    }

    /// What waits, in order; no slice is empty.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let mut small = self.inline_buf.get(self.start..).unwrap_or_default();
        let mut large = self.chunks.iter();
        let mut pending: Option<&[u8]> = None;
        core::iter::from_fn(move || {
            if let Some(content) = pending.take() {
                return Some(content);
            }
            if let Some((gap, content)) = large.next() {
                let (head, rest) = small.split_at_checked(*gap).unwrap_or((small, &[]));
                small = rest;
                if head.is_empty() {
                    return Some(&content[..]);
                }
                pending = Some(content);
                return Some(head);
            }
            (!small.is_empty()).then(|| core::mem::take(&mut small))
        })
    }

    /// Takes the first `written` bytes off; more than there are takes all.
    pub fn advance(&mut self, mut written: usize) {
        let known = u64::try_from(written.min(self.len())).unwrap_or(u64::MAX);
        self.position_base = self.position_base.saturating_add(known);
        while written > 0 {
            let Some((gap, content)) = self.chunks.front_mut() else {
                self.start = self.start.saturating_add(written).min(self.inline_buf.len());
                break;
            };
            let head = written.min(*gap);
            self.start = self.start.saturating_add(head);
            self.inline_before = self.inline_before.saturating_sub(head);
            *gap = gap.saturating_sub(head);
            written = written.saturating_sub(head);
            let part = written.min(content.len());
            self.chunk_bytes = self.chunk_bytes.saturating_sub(part);
            content.advance(part);
            written = written.saturating_sub(part);
            if content.is_empty() {
                self.chunks.pop_front();
            }
        }
        self.compact();
    }

    /// Takes the memory of an output in which nothing waits, so that another one can [have](Self::set_buffer) it:
    /// connections that are idle then hold none, and need not allocate it for each answer either.
    pub fn take_buffer(&mut self) -> Vec<u8> {
        if self.is_empty() { core::mem::take(&mut self.inline_buf) } else { Vec::new() }
    }

    /// Gives an output that has no memory some to write to, which `buffer` provides. Whatever that holds is dropped.
    pub fn set_buffer(&mut self, buffer: impl FnOnce() -> Vec<u8>) {
        if self.inline_buf.capacity() == 0 {
            self.inline_buf = buffer();
            self.inline_buf.clear();
        }
    }

    /// Frees what an idle connection need not keep.
    pub fn shrink(&mut self) {
        if self.is_empty() {
            self.inline_buf = Vec::new();
            self.chunks = VecDeque::new();
        }
    }

    /// The record that more content of this stream joins: the last one, or a new one.
    fn open_record(&mut self, kind: RecordType, id: RequestId) -> OpenRecord {
        if self.inline_buf.capacity() == 0 {
            // A small answer in one allocation.
            self.inline_buf.reserve(Self::INITIAL_CAPACITY);
        }
        match self.open {
            Some(open)
                if open.kind == kind
                    && open.id == id
                    && open.header >= self.start
                    && usize::from(open.content_len) < MAX_CONTENT =>
            {
                open
            }
            _ => {
                let header = self.inline_buf.len();
                self.inline_buf.extend_from_slice(&RecordHeader::new(kind, id, 0).encode());
                OpenRecord { kind, id, header, content_len: 0 }
            }
        }
    }

    /// Writes the record's length into its header.
    fn update_header(&mut self, record: OpenRecord) {
        let header = RecordHeader::new(record.kind, record.id, record.content_len).encode();
        let end = record.header.saturating_add(RecordHeader::LEN);
        if let Some(place) = self.inline_buf.get_mut(record.header..end) {
            place.copy_from_slice(&header);
        }
        self.open = Some(record);
    }

    /// Gives the room of written bytes back to `small`.
    fn compact(&mut self) {
        if self.start == self.inline_buf.len() {
            self.inline_buf.clear();
            self.start = 0;
            self.open = None;
        } else if self.start >= Self::ZERO_COPY_THRESHOLD
            && self.start >= self.inline_buf.len().saturating_sub(self.start)
        {
            // At least as many bytes are dropped as are moved, so that a slow reader costs no more than
            // linear time.
            self.inline_buf.drain(..self.start);
            self.open = self
                .open
                .and_then(|open| Some(OpenRecord { header: open.header.checked_sub(self.start)?, ..open }));
            self.start = 0;
        }
    }
}

/// Content that is being written in place: what is not `kept` when this is dropped is taken back.
struct InPlaceWrite<'a> {
    encoder: &'a mut RecordEncoder,
    record: OpenRecord,
    /// Where it begins in `small`.
    start: usize,
    kept: u16,
}

impl Drop for InPlaceWrite<'_> {
    fn drop(&mut self) {
        let (out, mut record) = (&mut *self.encoder, self.record);
        if self.kept > 0 {
            record.content_len = record.content_len.saturating_add(self.kept);
            return out.update_header(record);
        }
        out.inline_buf.truncate(self.start);
        if record.content_len == 0 {
            // The header was written for this alone, and an empty record would end the stream.
            out.inline_buf.truncate(record.header);
            out.open = None;
        }
    }
}

/// Bytes of content that a record can carry.
const MAX_CONTENT: usize = 65_535;

/// The most of them that keep what follows 8-byte aligned (§3.3).
const MAX_ALIGNED: usize = 65_528;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::RecordDecoder;
    use alloc::vec;

    const ID: RequestId = RequestId(258);

    fn drain(out: &mut RecordEncoder, step: usize) -> Vec<u8> {
        let mut wire = Vec::new();
        while !out.is_empty() {
            assert_eq!(out.slices().map(<[u8]>::len).sum::<usize>(), out.len());
            assert!(out.slices().all(|slice| !slice.is_empty()));
            let part: Vec<u8> =
                out.slices().flat_map(|slice| &slice[..slice.len().min(step)]).take(step).copied().collect();
            out.advance(part.len());
            wire.extend(part);
        }
        assert_eq!(out.len(), 0);
        wire
    }

    fn records(mut wire: &[u8]) -> Vec<(RecordType, Vec<u8>)> {
        let mut deframer = RecordDecoder::new();
        let mut records: Vec<(RecordType, Vec<u8>)> = Vec::new();
        while let Some(fragment) = deframer.next(&mut wire).unwrap() {
            assert!(fragment.is_first && fragment.is_last);
            assert_eq!(fragment.header.id, ID);
            records.push((fragment.header.kind, fragment.content.to_vec()));
        }
        assert!(deframer.is_between_records());
        records
    }

    #[test]
    fn small_contents_of_one_stream_share_a_record() {
        let mut out = RecordEncoder::new();
        out.write_stream(RecordType::STDOUT, ID, b"head");
        out.write_stream(RecordType::STDOUT, ID, b"");
        out.write_stream(RecordType::STDOUT, ID, b"body");
        out.write_stream(RecordType::STDERR, ID, b"oops");
        out.write_stream(RecordType::STDOUT, ID, b"more");
        out.write_stream_end(RecordType::STDOUT, ID);
        assert_eq!(out.slices().count(), 1, "one buffer");
        let expected = [
            (RecordType::STDOUT, b"headbody".to_vec()),
            (RecordType::STDERR, b"oops".to_vec()),
            (RecordType::STDOUT, b"more".to_vec()),
            (RecordType::STDOUT, vec![]),
        ];
        assert_eq!(records(&drain(&mut out, 1)), expected);
    }

    #[test]
    fn a_sealed_record_takes_no_more() {
        let mut out = RecordEncoder::new();
        out.write_stream(RecordType::STDOUT, ID, b"head");
        out.split_record();
        out.write_stream(RecordType::STDOUT, ID, b"body");
        let expected = [(RecordType::STDOUT, b"head".to_vec()), (RecordType::STDOUT, b"body".to_vec())];
        assert_eq!(records(&drain(&mut out, 1)), expected);
    }

    #[test]
    fn a_record_whose_header_has_gone_out_takes_no_more() {
        let mut out = RecordEncoder::new();
        out.write_stream(RecordType::STDOUT, ID, b"first");
        let mut wire: Vec<u8> = out.slices().next().unwrap()[..3].to_vec();
        out.advance(3);
        out.write_stream(RecordType::STDOUT, ID, b"second");
        wire.extend(drain(&mut out, 100));
        assert_eq!(
            records(&wire),
            [(RecordType::STDOUT, b"first".to_vec()), (RecordType::STDOUT, b"second".to_vec())]
        );
    }

    #[test]
    fn contents_near_record_limits_encode_in_any_steps() {
        for len in [1, 4095, 4096, 65_535, 65_536, 131_070, 131_071, 200_000] {
            let content: Vec<u8> = (0..=252).cycle().take(len).collect();
            for step in [1, 7, 8, 4096, 70_000, 1 << 20] {
                if step == 1 && len > 70_000 {
                    continue;
                }
                let mut out = RecordEncoder::new();
                out.write_stream(RecordType::STDOUT, ID, b"head");
                out.write_stream_bytes(RecordType::STDOUT, ID, Bytes::from(content.clone()));
                out.write_stream(RecordType::STDOUT, ID, b"tail");
                out.write_stream_end(RecordType::STDOUT, ID);
                let records = records(&drain(&mut out, step));
                let (last, before) = records.split_last().unwrap();
                assert_eq!(*last, (RecordType::STDOUT, vec![]));
                assert!(before.iter().all(|(_, content)| !content.is_empty()), "none ends the stream early");
                let joined: Vec<u8> = before.iter().flat_map(|(_, content)| content).copied().collect();
                assert_eq!(
                    joined,
                    [&b"head"[..], &content, b"tail"].concat(),
                    "{len} bytes in steps of {step}"
                );
            }
        }
    }

    #[test]
    fn what_is_written_in_place_is_as_what_is_copied() {
        for len in [0, 1, 100, 65_535, 65_536, 200_000] {
            let content = vec![b'x'; len];
            let (mut copied, mut in_place) = (RecordEncoder::new(), RecordEncoder::new());
            for before in [&b""[..], b"before"] {
                for out in [&mut copied, &mut in_place] {
                    out.write_stream(RecordType::STDOUT, ID, before);
                }
                copied.write_stream(RecordType::STDOUT, ID, &content);
                in_place.write_stream_with(RecordType::STDOUT, ID, |out| out.extend_from_slice(&content));
                for out in [&mut copied, &mut in_place] {
                    out.write_stream(RecordType::STDOUT, ID, b"after");
                    out.write_stream_end(RecordType::STDOUT, ID);
                }
            }
            let joined = |out: &mut RecordEncoder| -> Vec<u8> {
                records(&drain(out, 1 << 20)).into_iter().flat_map(|(_, content)| content).collect()
            };
            assert_eq!(joined(&mut copied), joined(&mut in_place), "{len} bytes");
        }
    }

    #[test]
    fn a_panic_in_an_in_place_write_leaves_no_output() {
        extern crate std;
        for before in [&b""[..], b"before"] {
            let mut out = RecordEncoder::new();
            out.write_stream(RecordType::STDOUT, ID, before);
            let panics = std::panic::AssertUnwindSafe(|| {
                out.write_stream_with(RecordType::STDOUT, ID, |buffer| {
                    buffer.extend_from_slice(b"half a hea");
                    panic!("on purpose");
                });
            });
            assert!(std::panic::catch_unwind(panics).is_err());
            out.write_stream(RecordType::STDOUT, ID, b"after");
            let expected = [(RecordType::STDOUT, [before, b"after"].concat())];
            assert_eq!(records(&drain(&mut out, 3)), expected);
        }
    }

    #[test]
    fn copied_contents_longer_than_a_record_are_split() {
        let mut out = RecordEncoder::new();
        let content = vec![b'x'; 65_536];
        out.write_stream(RecordType::STDOUT, ID, &content);
        let lens: Vec<_> = records(&drain(&mut out, 1000)).iter().map(|(_, content)| content.len()).collect();
        assert_eq!(lens, [65_535, 1]);
        out.write_stderr(ID, &content, 8192);
        assert!(records(&drain(&mut out, 1000)).iter().all(|(_, content)| content.len() == 8192));
    }

    #[test]
    fn large_contents_are_not_copied() {
        let mut out = RecordEncoder::new();
        let content = Bytes::from(vec![7; 100_000]);
        out.write_stream_bytes(RecordType::STDOUT, ID, content.clone());
        let slices: Vec<&[u8]> = out.slices().collect();
        assert_eq!(slices.iter().map(|slice| slice.len()).collect::<Vec<_>>(), [8, 65_528, 8, 34_472]);
        assert_eq!(slices[1].as_ptr(), content.as_ptr());
    }

    #[test]
    fn a_record_grows_after_its_buffer_was_returned() {
        let mut out = RecordEncoder::new();
        out.write_stream(RecordType::STDERR, ID, &[b'e'; 6000]);
        out.write_stream(RecordType::STDOUT, ID, b"head");
        let mut wire = out.slices().next().unwrap()[..6008].to_vec();
        out.advance(wire.len());
        assert_eq!((out.start, out.len()), (0, 12));
        out.write_stream(RecordType::STDOUT, ID, b"body");
        wire.extend(drain(&mut out, 100));
        assert_eq!(records(&wire)[1..], [(RecordType::STDOUT, b"headbody".to_vec())]);
    }

    #[test]
    fn room_is_reused_while_a_slow_reader_lags_behind() {
        let mut out = RecordEncoder::new();
        for _ in 0..1000 {
            out.write_record(RecordType::END_REQUEST, ID, &[0; 2000]);
            out.write_record(RecordType::END_REQUEST, ID, &[0; 2000]);
            let waiting = out.len();
            out.advance(waiting - 100);
        }
        assert!(out.inline_buf.capacity() < 64 * 1024, "{}", out.inline_buf.capacity());
        out.advance(100);
        out.shrink();
        assert_eq!(out.inline_buf.capacity(), 0);
    }

    #[test]
    fn error_text_is_padded_and_joins_nothing() {
        for len in 1..=17 {
            let mut out = RecordEncoder::new();
            out.write_stream(RecordType::STDOUT, ID, b"head");
            for _ in 0..2 {
                out.write_stderr(ID, &b"seventeen letters"[..len], 8192);
            }
            let wire = drain(&mut out, 100);
            let header = RecordHeader::decode(wire[12..20].try_into().unwrap()).unwrap();
            assert!((1..=8).contains(&header.padding_len), "{header:?}");
            assert_eq!((wire.len() - 12) % 8, 0);
            let records = records(&wire);
            assert_eq!(records.len(), 3);
            assert_eq!(records[2], (RecordType::STDERR, b"seventeen letters"[..len].to_vec()));
        }
        let mut out = RecordEncoder::new();
        out.write_stderr(ID, b"", 8192);
        assert!(out.is_empty(), "an empty record would end the stream");
    }
}
