//! What an application sends, and what it gets.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::client::{AnswerState, Connection};
use crate::{
    EndRequest, ProtocolStatus, RecordDecoder, RecordHeader, RecordType, RequestId, RequestKey, Role,
};

/// A record of any type, id and content.
pub(super) fn record(kind: RecordType, id: u16, content: &[u8]) -> Vec<u8> {
    padded(kind, id, content, 0)
}

pub(super) fn padded(kind: RecordType, id: u16, content: &[u8], padding_len: u8) -> Vec<u8> {
    let content_len = u16::try_from(content.len()).unwrap();
    let header = RecordHeader { kind, id: RequestId(id), content_len, padding_len };
    let mut wire = header.encode().to_vec();
    wire.extend_from_slice(content);
    wire.extend(core::iter::repeat_n(0xee, padding_len.into()));
    wire
}

pub(super) fn stdout(id: u16, content: &[u8]) -> Vec<u8> {
    record(RecordType::STDOUT, id, content)
}

pub(super) fn stderr(id: u16, content: &[u8]) -> Vec<u8> {
    record(RecordType::STDERR, id, content)
}

pub(super) fn end_with(id: u16, app_status: u32, protocol_status: ProtocolStatus) -> Vec<u8> {
    record(RecordType::END_REQUEST, id, &EndRequest { app_status, protocol_status }.encode())
}

pub(super) fn end(id: u16) -> Vec<u8> {
    end_with(id, 0, ProtocolStatus::REQUEST_COMPLETE)
}

/// Begins a request and sends all of it, without a body.
pub(super) fn ask(server: &mut Connection) -> RequestKey {
    let key = server.begin(Role::RESPONDER, true).unwrap();
    server.param(key, b"N", b"v").unwrap();
    server.end_params(key).unwrap();
    server.end_stdin(key).unwrap();
    key
}

/// Everything that waits to be written, as if it were.
pub(super) fn sent(server: &mut Connection) -> Vec<u8> {
    let output = server.output();
    let wire = output.slices().collect::<Vec<_>>().concat();
    output.advance(wire.len());
    wire
}

/// Type, id and content of the records that wait to be written.
pub(super) fn records(server: &mut Connection) -> Vec<(RecordType, u16, Vec<u8>)> {
    let wire = sent(server);
    let (mut input, mut deframer, mut records) = (&wire[..], RecordDecoder::new(), Vec::new());
    while let Some(fragment) = deframer.next(&mut input).unwrap() {
        assert!(fragment.is_first && fragment.is_last);
        records.push((fragment.header.kind, fragment.header.id.0, fragment.content.to_vec()));
    }
    assert!(deframer.is_between_records());
    records
}

/// What there is of the answer, which counts as consumed.
pub(super) fn answer(server: &mut Connection, key: RequestKey) -> (Vec<u8>, AnswerState) {
    let mut chunks = VecDeque::new();
    let state = server.read_stdout(key, &mut chunks).unwrap();
    let bytes = Vec::from(chunks).concat();
    server.release_capacity(key, bytes.len());
    (bytes, state)
}
