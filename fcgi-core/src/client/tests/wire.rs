//! The records that an application sends and receives.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::client::Connection;
use crate::{
    EndRequest, ProtocolStatus, RecordDecoder, RecordHeader, RecordType, RequestId, RequestKey, Role,
    StreamState,
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

pub(super) fn end_request_with(id: u16, app_status: u32, protocol_status: ProtocolStatus) -> Vec<u8> {
    record(RecordType::END_REQUEST, id, &EndRequest { app_status, protocol_status }.encode())
}

pub(super) fn end_request(id: u16) -> Vec<u8> {
    end_request_with(id, 0, ProtocolStatus::REQUEST_COMPLETE)
}

/// Sends a complete request without a body.
pub(super) fn send_request(client: &mut Connection) -> RequestKey {
    let key = client.begin(Role::RESPONDER, true).unwrap();
    client.param(key, b"N", b"v").unwrap();
    client.end_params(key).unwrap();
    client.end_stdin(key).unwrap();
    key
}

/// Writes and returns all output.
pub(super) fn take_output(client: &mut Connection) -> Vec<u8> {
    let output = client.output();
    let wire = output.slices().collect::<Vec<_>>().concat();
    output.advance(wire.len());
    wire
}

/// Writes all output, and returns type, id and content of its records.
pub(super) fn records(client: &mut Connection) -> Vec<(RecordType, u16, Vec<u8>)> {
    let wire = take_output(client);
    let (mut input, mut decoder, mut records) = (&wire[..], RecordDecoder::new(), Vec::new());
    while let Some(fragment) = decoder.next(&mut input).unwrap() {
        assert!(fragment.is_first && fragment.is_last);
        records.push((fragment.header.kind, fragment.header.id.0, fragment.content.to_vec()));
    }
    assert!(decoder.is_between_records());
    records
}

/// Reads and releases the STDOUT of the response.
pub(super) fn read_response(client: &mut Connection, key: RequestKey) -> (Vec<u8>, StreamState) {
    let mut chunks = VecDeque::new();
    let state = client.read_stdout(key, &mut chunks).unwrap();
    let bytes = Vec::from(chunks).concat();
    client.release_capacity(key, bytes.len());
    (bytes, state)
}
