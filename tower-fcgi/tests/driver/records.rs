//! The records of a web server.

use fcgi_core::{BeginRequest, RecordHeader, RecordType, RequestId, Role, encode_pair};

/// With KEEP_CONN.
pub(crate) const KEEP: bool = true;
/// Without KEEP_CONN.
pub(crate) const CLOSE: bool = false;

/// A record padded to a multiple of eight bytes, as by nginx.
pub(crate) fn record(kind: RecordType, id: u16, content: &[u8]) -> Vec<u8> {
    let padding_len = u8::try_from(content.len().wrapping_neg() % 8).unwrap();
    let content_len = u16::try_from(content.len()).expect("content must fit in one record");
    let header = RecordHeader { kind, id: RequestId(id), content_len, padding_len };
    [&header.encode()[..], content, &vec![0; padding_len.into()]].concat()
}

pub(crate) fn begin(id: u16, keep: bool) -> Vec<u8> {
    begin_as(Role::RESPONDER, id, keep)
}

pub(crate) fn begin_as(role: Role, id: u16, keep_conn: bool) -> Vec<u8> {
    record(RecordType::BEGIN_REQUEST, id, &BeginRequest { role, keep_conn }.encode())
}

/// PARAMS and their end.
pub(crate) fn params(id: u16, pairs: &[(&str, &str)]) -> Vec<u8> {
    [some_params(id, pairs), end_params(id)].concat()
}

/// PARAMS without their end.
pub(crate) fn some_params(id: u16, pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for (name, value) in pairs {
        encode_pair(&mut encoded, name.as_bytes(), value.as_bytes());
    }
    encoded.chunks(65_535).flat_map(|chunk| record(RecordType::PARAMS, id, chunk)).collect()
}

pub(crate) fn end_params(id: u16) -> Vec<u8> {
    record(RecordType::PARAMS, id, b"")
}

/// STDIN without its end.
pub(crate) fn stdin(id: u16, body: &[u8]) -> Vec<u8> {
    // As nginx splits it.
    body.chunks(32 * 1024).flat_map(|chunk| record(RecordType::STDIN, id, chunk)).collect()
}

pub(crate) fn end_stdin(id: u16) -> Vec<u8> {
    record(RecordType::STDIN, id, b"")
}

pub(crate) fn abort(id: u16) -> Vec<u8> {
    record(RecordType::ABORT_REQUEST, id, b"")
}

pub(crate) fn get_values(names: &[&str]) -> Vec<u8> {
    let mut query = Vec::new();
    for name in names {
        encode_pair(&mut query, name.as_bytes(), b"");
    }
    record(RecordType::GET_VALUES, 0, &query)
}

/// A request up to the end of its PARAMS; the body follows. SCRIPT_NAME is REQUEST_URI's path. The caller's pairs are last,
/// and override.
pub(crate) fn head(id: u16, keep: bool, method: &str, uri: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let sent = more.iter().rev().find(|(name, _)| *name == "REQUEST_URI").map_or(uri, |(_, uri)| uri);
    let path = sent.split('?').next().unwrap_or_default();
    let mut pairs = vec![
        ("REQUEST_METHOD", method),
        ("REQUEST_URI", uri),
        ("SCRIPT_NAME", path),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
    ];
    pairs.extend(more);
    [begin(id, keep), params(id, &pairs)].concat()
}

/// A complete GET.
pub(crate) fn get(id: u16, keep: bool, uri: &str) -> Vec<u8> {
    [head(id, keep, "GET", uri, &[]), end_stdin(id)].concat()
}

/// A POST with this CONTENT_LENGTH; the body follows.
pub(crate) fn post(id: u16, keep: bool, uri: &str, length: usize) -> Vec<u8> {
    head(id, keep, "POST", uri, &[("CONTENT_LENGTH", &length.to_string())])
}

/// A complete POST.
pub(crate) fn post_whole(id: u16, keep: bool, uri: &str, body: &[u8]) -> Vec<u8> {
    [post(id, keep, uri, body.len()), stdin(id, body), end_stdin(id)].concat()
}
