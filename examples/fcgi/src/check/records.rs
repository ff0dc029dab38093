//! Builds the records to send, also invalid ones.

use fcgi_core::{BeginRequest, MAX_PAIR_LEN, RecordHeader, RecordType, RequestId, Role, encode_pair};

use crate::request::Params;

/// Encoded records.
#[derive(Debug, Clone, Default)]
pub(super) struct Records {
    pub(super) bytes: Vec<u8>,
    /// The ids of the requests that the records begin.
    pub(super) begun: Vec<u16>,
    /// Bytes of padding after each record.
    padding: u8,
    /// The value of reserved bytes.
    reserved: u8,
}

impl Records {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Creates records from raw bytes that begin these requests.
    pub(super) fn raw(bytes: Vec<u8>, begun: Vec<u16>) -> Self {
        Self { bytes, begun, ..Self::default() }
    }

    /// Sets the padding of the following records.
    pub(super) const fn padded(mut self, padding: u8) -> Self {
        self.padding = padding;
        self
    }

    /// Sets the reserved bytes of the following records.
    pub(super) const fn reserved(mut self, reserved: u8) -> Self {
        self.reserved = reserved;
        self
    }

    /// Adds a record of up to 65 535 bytes.
    pub(super) fn record(mut self, kind: RecordType, id: u16, content: &[u8]) -> Self {
        let length = u16::try_from(content.len()).expect("a record's content is at most 65 535 bytes");
        let mut header = RecordHeader::new(kind, RequestId(id), length);
        header.padding_len = self.padding;
        let mut header = header.encode();
        header[RecordHeader::LEN - 1] = self.reserved;
        self.bytes.extend_from_slice(&header);
        self.bytes.extend_from_slice(content);
        // Not zeros: they could be misread as valid data.
        self.bytes.resize(self.bytes.len() + usize::from(self.padding), 0xa5);
        self
    }

    pub(super) fn begin(mut self, id: u16, role: Role, keep_conn: bool) -> Self {
        let mut content = BeginRequest { role, keep_conn }.encode();
        content[3..].fill(self.reserved);
        self.begun.push(id);
        self.record(RecordType::BEGIN_REQUEST, id, &content)
    }

    /// Adds content in records of `size` bytes, without the end of the stream.
    pub(super) fn chunks(self, kind: RecordType, id: u16, content: &[u8], size: usize) -> Self {
        content.chunks(size).fold(self, |records, chunk| records.record(kind, id, chunk))
    }

    /// Adds a complete stream: its content in the fewest records, and the empty record.
    pub(super) fn stream(self, kind: RecordType, id: u16, content: &[u8]) -> Self {
        self.chunks(kind, id, content, usize::from(u16::MAX)).end(kind, id)
    }

    pub(super) fn end(self, kind: RecordType, id: u16) -> Self {
        self.record(kind, id, &[])
    }

    /// Adds the stream of PARAMS. A pair that fits a record is in one: PHP accepts no others.
    fn params(mut self, id: u16, params: &Params) -> Self {
        let mut content = Vec::new();
        for (name, value) in &params.0 {
            let mut pair = Vec::new();
            encode_pair(&mut pair, name.as_bytes(), value.as_bytes());
            if content.len() + pair.len() > MAX_PAIR_LEN {
                self = self.chunks(RecordType::PARAMS, id, &content, MAX_PAIR_LEN);
                content.clear();
            }
            content.append(&mut pair);
        }
        self.chunks(RecordType::PARAMS, id, &content, MAX_PAIR_LEN).end(RecordType::PARAMS, id)
    }

    /// Adds a Responder request up to the end of PARAMS.
    pub(super) fn head(self, id: u16, params: &Params, keep_conn: bool) -> Self {
        self.begin(id, Role::RESPONDER, keep_conn).params(id, params)
    }

    /// Adds a complete Responder request without a body.
    pub(super) fn request(self, id: u16, params: &Params, keep_conn: bool) -> Self {
        self.head(id, params, keep_conn).end(RecordType::STDIN, id)
    }
}

pub(super) fn encoded(params: &Params) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in &params.0 {
        encode_pair(&mut out, name.as_bytes(), value.as_bytes());
    }
    out
}
