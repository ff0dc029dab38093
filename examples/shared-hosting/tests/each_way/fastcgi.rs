//! A minimal FastCGI client.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use fcgi_core::{BeginRequest, RecordEncoder, RecordHeader, RecordType, RequestId, Role, encode_pair};

use crate::Result;

/// Sends one request and returns all of STDOUT.
pub(crate) fn send(path: &Path, method: &str, target: &str, body: &str) -> Result<String> {
    let mut io = UnixStream::connect(path)?;
    for slice in request(method, target, body).slices() {
        io.write_all(slice)?;
    }
    let mut response = Vec::new();
    io.read_to_end(&mut response)?;
    let (mut response, mut stdout) = (&response[..], Vec::new());
    while let Some((header, rest)) = response.split_first_chunk() {
        let header = RecordHeader::decode(*header).map_err(|_| "invalid record header")?;
        let (content, rest) = rest.split_at(header.content_len.into());
        if header.kind == RecordType::STDOUT {
            stdout.extend(content);
        }
        response = &rest[header.padding_len.into()..];
    }
    Ok(String::from_utf8(stdout)?)
}

fn request(method: &str, target: &str, body: &str) -> RecordEncoder {
    const ID: RequestId = RequestId(1);
    let mut out = RecordEncoder::new();
    let begin = BeginRequest { role: Role::RESPONDER, keep_conn: false };
    out.write_record(RecordType::BEGIN_REQUEST, ID, &begin.encode());
    let mut pairs = Vec::new();
    let length = body.len().to_string();
    for (name, value) in [("REQUEST_METHOD", method), ("REQUEST_URI", target), ("CONTENT_LENGTH", &*length)] {
        encode_pair(&mut pairs, name.as_bytes(), value.as_bytes());
    }
    out.write_stream(RecordType::PARAMS, ID, &pairs);
    out.write_stream_end(RecordType::PARAMS, ID);
    if !body.is_empty() {
        out.write_stream(RecordType::STDIN, ID, body.as_bytes());
    }
    out.write_stream_end(RecordType::STDIN, ID);
    out
}
