//! Both ends of a connection in memory: what a web server sends, built from the crate's own types, and what
//! it gets.

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
    // Not zeros: padding that is mistaken for content should be seen.
    wire.extend(core::iter::repeat_n(0xee, padding_len.into()));
    wire
}

/// A record of any type, id and content.
pub(super) fn record(kind: RecordType, id: u16, content: &[u8]) -> Vec<u8> {
    padded(kind, id, content, 0)
}

/// The empty record that ends a stream.
pub(super) fn end_of(kind: RecordType, id: u16) -> Vec<u8> {
    record(kind, id, &[])
}

pub(super) fn begin(id: u16, role: Role, keep_conn: bool) -> Vec<u8> {
    record(RecordType::BEGIN_REQUEST, id, &BeginRequest { role, keep_conn }.encode())
}

pub(super) fn params(id: u16, content: &[u8]) -> Vec<u8> {
    record(RecordType::PARAMS, id, content)
}

/// PARAMS from the first byte to the end, in one record and the empty one.
pub(super) fn all_params(id: u16, list: &[(&str, &str)]) -> Vec<u8> {
    [params(id, &pairs(list)), end_of(RecordType::PARAMS, id)].concat()
}

pub(super) fn pairs(list: &[(&str, &str)]) -> Vec<u8> {
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

pub(super) fn end_of_stdin(id: u16) -> Vec<u8> {
    end_of(RecordType::STDIN, id)
}

pub(super) fn abort(id: u16) -> Vec<u8> {
    record(RecordType::ABORT_REQUEST, id, &[])
}

/// A record as it came over the wire.
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

pub(super) fn out(id: u16, content: &[u8]) -> Record {
    Record { kind: RecordType::STDOUT, id, content: content.to_vec() }
}

pub(super) fn err(id: u16, content: &[u8]) -> Record {
    Record { kind: RecordType::STDERR, id, content: content.to_vec() }
}

pub(super) fn ended(id: u16, app_status: u32, protocol_status: ProtocolStatus) -> Record {
    let content = EndRequest { app_status, protocol_status }.encode().to_vec();
    Record { kind: RecordType::END_REQUEST, id, content }
}

/// END_REQUEST of a request that was served.
pub(super) fn end(id: u16) -> Record {
    ended(id, 0, ProtocolStatus::REQUEST_COMPLETE)
}

/// Cuts whole records out of `wire`, and gives what is left of it: part of one more.
pub(super) fn parse_some(wire: &[u8]) -> (Vec<Record>, usize) {
    let mut records: Vec<Record> = Vec::new();
    let mut deframer = RecordDecoder::new();
    let (mut input, mut left) = (wire, wire.len());
    while let Some(fragment) = deframer.next(&mut input).expect("the version is right") {
        if !fragment.is_last {
            break;
        }
        left = input.len();
        let RecordHeader { kind, id, .. } = fragment.header;
        records.push(Record { kind, id: id.0, content: fragment.content.to_vec() });
    }
    (records, left)
}

/// As [`parse_some`], of whole records alone.
pub(super) fn parse(wire: &[u8]) -> Vec<Record> {
    let (records, left) = parse_some(wire);
    assert_eq!(left, 0, "the output ends in the middle of a record");
    records
}

/// The bytes that wait to be written.
pub(super) fn waiting(out: &RecordEncoder) -> Vec<u8> {
    out.slices().collect::<Vec<_>>().concat()
}

/// A connection and the web server at its other end.
#[derive(Debug)]
pub(super) struct Link {
    /// The application's side.
    pub(super) app: Connection,
}

impl Link {
    pub(super) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(super) fn with(set: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        set(&mut config);
        Self { app: Connection::new(Arc::new(config)) }
    }

    /// The web server sends what it may.
    pub(super) fn send(&mut self, wire: impl AsRef<[u8]>) {
        self.app.receive(wire.as_ref()).expect("these records are legal");
    }

    /// The web server sends what it may not.
    pub(super) fn breaks(&mut self, wire: impl AsRef<[u8]>) -> ProtocolError {
        let violation = self.app.receive(wire.as_ref()).expect_err("these records break a rule");
        assert_eq!(self.app.receive(&[]), Err(violation), "the connection is of no more use");
        violation
    }

    /// Every event that waits.
    pub(super) fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.app.poll_event()).collect()
    }

    /// The next event, which is a new request.
    pub(super) fn request(&mut self) -> NewRequest {
        match self.app.poll_event() {
            Some(Event::Request(request)) => request,
            other => panic!("not a request: {other:?}"),
        }
    }

    /// The web server sends a request's head, of which the application is told.
    pub(super) fn open(&mut self, id: u16, role: Role, keep_conn: bool) -> RequestKey {
        self.send(head(id, role, keep_conn));
        let request = self.request();
        assert_eq!((request.id, request.role), (RequestId(id), role));
        request.key
    }

    /// A Responder's request with KEEP_CONN.
    pub(super) fn open_kept(&mut self, id: u16) -> RequestKey {
        self.open(id, Role::RESPONDER, true)
    }

    /// A whole exchange with KEEP_CONN, which shows that the connection is of use.
    pub(super) fn is_usable_for(&mut self, id: u16) {
        let key = self.open_kept(id);
        self.send([stdin(id, b"a body"), end_of_stdin(id)].concat());
        assert_eq!(self.events(), [Event::BodyReadable(key)]);
        assert_eq!(self.body(key), (b"a body".to_vec(), StreamState::Ended));
        self.app.stdout(key, b"an answer").expect("the request is open");
        self.app.end_request(key, 0).expect("the request is open");
        assert_eq!(self.answers(), [out(id, b"an answer"), out(id, b""), end(id)]);
        assert_eq!(self.app.close_action(), None);
    }

    /// What there is of a request's STDIN, all of it consumed.
    pub(super) fn body(&mut self, key: RequestKey) -> (Vec<u8>, StreamState) {
        let mut chunks = VecDeque::new();
        let state = self.app.read_body(key, &mut chunks).expect("the request is open");
        self.use_up(key, &chunks, state)
    }

    /// What there is of a request's DATA, all of it consumed.
    pub(super) fn data(&mut self, key: RequestKey) -> (Vec<u8>, StreamState) {
        let mut chunks = VecDeque::new();
        let state = self.app.read_data(key, &mut chunks).expect("the request is open");
        self.use_up(key, &chunks, state)
    }

    fn use_up(
        &mut self,
        key: RequestKey,
        chunks: &VecDeque<Bytes>,
        state: StreamState,
    ) -> (Vec<u8>, StreamState) {
        let body: Vec<u8> = chunks.iter().cloned().collect::<Vec<_>>().concat();
        self.app.release_capacity(key, body.len());
        (body, state)
    }

    /// Every byte that waits to be written, written.
    pub(super) fn written(&mut self) -> Vec<u8> {
        let wire = self.written_up_to(usize::MAX);
        assert!(self.app.output().is_empty());
        wire
    }

    /// A write of at most `most` bytes.
    pub(super) fn written_up_to(&mut self, most: usize) -> Vec<u8> {
        let mut wire = waiting(self.app.output());
        wire.truncate(most);
        self.app.output().advance(wire.len());
        wire
    }

    /// Every record that waits to be written, written.
    pub(super) fn answers(&mut self) -> Vec<Record> {
        parse(&self.written())
    }
}
