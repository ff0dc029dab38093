//! Both ends of a connection in memory: the records that a web server sends and receives.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use crate::server::{Config, Connection, Event, NewRequest};
use crate::{
    BeginRequest, EndRequest, ProtocolError, ProtocolStatus, RecordDecoder, RecordEncoder, RecordHeader,
    RecordType, RequestId, RequestKey, Role, StreamState, encode_pair,
};

/// A record with padding, of any type, id and content.
pub(super) fn padded(kind: RecordType, id: u16, content: &[u8], padding_len: u8) -> Vec<u8> {
    let content_len = u16::try_from(content.len()).expect("content fits one record");
    let header = RecordHeader { kind, id: RequestId(id), content_len, padding_len };
    let mut wire = header.encode().to_vec();
    wire.extend_from_slice(content);
    // Not zero, to detect padding that is treated as content.
    wire.extend(core::iter::repeat_n(0xee, padding_len.into()));
    wire
}

/// A record of any type, id and content.
pub(super) fn record(kind: RecordType, id: u16, content: &[u8]) -> Vec<u8> {
    padded(kind, id, content, 0)
}

/// The empty record that ends a stream.
pub(super) fn stream_end(kind: RecordType, id: u16) -> Vec<u8> {
    record(kind, id, &[])
}

pub(super) fn begin(id: u16, role: Role, keep_conn: bool) -> Vec<u8> {
    record(RecordType::BEGIN_REQUEST, id, &BeginRequest { role, keep_conn }.encode())
}

pub(super) fn params(id: u16, content: &[u8]) -> Vec<u8> {
    record(RecordType::PARAMS, id, content)
}

/// Complete PARAMS: one record and the empty one.
pub(super) fn all_params(id: u16, list: &[(&str, &str)]) -> Vec<u8> {
    [params(id, &encode_pairs(list)), stream_end(RecordType::PARAMS, id)].concat()
}

pub(super) fn encode_pairs(list: &[(&str, &str)]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for (name, value) in list {
        encode_pair(&mut encoded, name.as_bytes(), value.as_bytes());
    }
    encoded
}

/// BEGIN_REQUEST and all PARAMS.
pub(super) fn head(id: u16, role: Role, keep_conn: bool) -> Vec<u8> {
    [begin(id, role, keep_conn), all_params(id, &[("N", "v")])].concat()
}

pub(super) fn stdin(id: u16, content: &[u8]) -> Vec<u8> {
    record(RecordType::STDIN, id, content)
}

pub(super) fn stdin_end(id: u16) -> Vec<u8> {
    stream_end(RecordType::STDIN, id)
}

pub(super) fn abort(id: u16) -> Vec<u8> {
    record(RecordType::ABORT_REQUEST, id, &[])
}

/// A received record.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) kind: RecordType,
    pub(super) id: u16,
    pub(super) content: Vec<u8>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, cut) = self.content.split_at(self.content.len().min(40));
        let more = if cut.is_empty() { "" } else { "…" };
        write!(f, "{:?} {} \"{}{more}\"", self.kind, self.id, shown.escape_ascii())
    }
}

pub(super) fn stdout(id: u16, content: &[u8]) -> Record {
    Record { kind: RecordType::STDOUT, id, content: content.to_vec() }
}

pub(super) fn stderr(id: u16, content: &[u8]) -> Record {
    Record { kind: RecordType::STDERR, id, content: content.to_vec() }
}

pub(super) fn end_request_with(id: u16, app_status: u32, protocol_status: ProtocolStatus) -> Record {
    let content = EndRequest { app_status, protocol_status }.encode().to_vec();
    Record { kind: RecordType::END_REQUEST, id, content }
}

/// END_REQUEST of a request that was served.
pub(super) fn end_request(id: u16) -> Record {
    end_request_with(id, 0, ProtocolStatus::REQUEST_COMPLETE)
}

/// Decodes the complete records in `wire`. Also returns the number of remaining bytes.
pub(super) fn parse_some(wire: &[u8]) -> (Vec<Record>, usize) {
    let mut records: Vec<Record> = Vec::new();
    let mut decoder = RecordDecoder::new();
    let (mut input, mut left) = (wire, wire.len());
    while let Some(fragment) = decoder.next(&mut input).expect("the version is right") {
        if !fragment.is_last {
            break;
        }
        left = input.len();
        let RecordHeader { kind, id, .. } = fragment.header;
        records.push(Record { kind, id: id.0, content: fragment.content.to_vec() });
    }
    (records, left)
}

/// Decodes complete records.
pub(super) fn parse(wire: &[u8]) -> Vec<Record> {
    let (records, left) = parse_some(wire);
    assert_eq!(left, 0, "the output ends in the middle of a record");
    records
}

/// The bytes that wait to be written.
pub(super) fn unwritten(out: &RecordEncoder) -> Vec<u8> {
    out.slices().collect::<Vec<_>>().concat()
}

/// A connection and the web server at the other end.
#[derive(Debug)]
pub(super) struct Harness {
    /// The application's side.
    pub(super) server: Connection,
}

impl Harness {
    pub(super) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(super) fn with(set: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        set(&mut config);
        Self { server: Connection::new(Arc::new(config)) }
    }

    /// Sends legal records as the web server.
    pub(super) fn send(&mut self, wire: impl AsRef<[u8]>) {
        self.server.receive(wire.as_ref()).expect("these records are legal");
    }

    /// Sends illegal records as the web server.
    pub(super) fn send_invalid(&mut self, wire: impl AsRef<[u8]>) -> ProtocolError {
        let error = self.server.receive(wire.as_ref()).expect_err("these records break a rule");
        assert_eq!(self.server.receive(&[]), Err(error), "the error persists");
        error
    }

    /// Polls all events.
    pub(super) fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.server.poll_event()).collect()
    }

    /// Polls the next event, which must be a new request.
    pub(super) fn request(&mut self) -> NewRequest {
        match self.server.poll_event() {
            Some(Event::Request(request)) => request,
            other => panic!("not a request: {other:?}"),
        }
    }

    /// Sends the head of a request, and polls its event.
    pub(super) fn open(&mut self, id: u16, role: Role, keep_conn: bool) -> RequestKey {
        self.send(head(id, role, keep_conn));
        let request = self.request();
        assert_eq!((request.id, request.role), (RequestId(id), role));
        request.key
    }

    /// Opens a Responder's request with KEEP_CONN.
    pub(super) fn open_keep_conn(&mut self, id: u16) -> RequestKey {
        self.open(id, Role::RESPONDER, true)
    }

    /// Checks that the connection serves a request.
    pub(super) fn assert_usable(&mut self, id: u16) {
        let key = self.open_keep_conn(id);
        self.send([stdin(id, b"a body"), stdin_end(id)].concat());
        assert_eq!(self.events(), [Event::BodyReadable(key)]);
        assert_eq!(self.body(key), (b"a body".to_vec(), StreamState::Ended));
        self.server.stdout(key, b"an answer").expect("the request is open");
        self.server.end_request(key, 0).expect("the request is open");
        assert_eq!(self.written_records(), [stdout(id, b"an answer"), stdout(id, b""), end_request(id)]);
        assert_eq!(self.server.close_action(), None);
    }

    /// Reads and releases a request's STDIN.
    pub(super) fn body(&mut self, key: RequestKey) -> (Vec<u8>, StreamState) {
        let mut chunks = VecDeque::new();
        let state = self.server.read_body(key, &mut chunks).expect("the request is open");
        self.release_all(key, &chunks, state)
    }

    /// Reads and releases a request's DATA.
    pub(super) fn data(&mut self, key: RequestKey) -> (Vec<u8>, StreamState) {
        let mut chunks = VecDeque::new();
        let state = self.server.read_data(key, &mut chunks).expect("the request is open");
        self.release_all(key, &chunks, state)
    }

    fn release_all(
        &mut self,
        key: RequestKey,
        chunks: &VecDeque<Bytes>,
        state: StreamState,
    ) -> (Vec<u8>, StreamState) {
        let body: Vec<u8> = chunks.iter().cloned().collect::<Vec<_>>().concat();
        self.server.release_capacity(key, body.len());
        (body, state)
    }

    /// Writes and returns all output.
    pub(super) fn written_bytes(&mut self) -> Vec<u8> {
        let wire = self.write_up_to(usize::MAX);
        assert!(self.server.output().is_empty());
        wire
    }

    /// Writes and returns at most `max` bytes.
    pub(super) fn write_up_to(&mut self, max: usize) -> Vec<u8> {
        let mut wire = unwritten(self.server.output());
        wire.truncate(max);
        self.server.output().advance(wire.len());
        wire
    }

    /// Writes all output, and returns its records.
    pub(super) fn written_records(&mut self) -> Vec<Record> {
        parse(&self.written_bytes())
    }
}
