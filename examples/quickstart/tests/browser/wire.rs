//! Decodes recorded bytes, without the code under test.

use crate::site::Bytes;

/// Type, request id and content.
pub(crate) type Record = (&'static str, u16, Vec<u8>);

/// The records of a request, by direction.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) web_server: Vec<Record>,
    pub(crate) application: Vec<Record>,
}

/// Returns the requests of a connection, which are sequential.
pub(crate) fn requests(bytes: &Bytes) -> Vec<Request> {
    let mut requests = Vec::<Request>::new();
    for record in records(&bytes.web_server) {
        if record.0 == "BEGIN_REQUEST" {
            requests.push(Request::default());
        }
        requests.last_mut().expect("a connection starts with BEGIN_REQUEST").web_server.push(record);
    }
    let mut ended = 0;
    for record in records(&bytes.application) {
        let ends = record.0 == "END_REQUEST";
        requests[ended].application.push(record);
        ended += usize::from(ends);
    }
    requests
}

fn records(mut bytes: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    while let [1, kind, id1, id0, length1, length0, padding, _, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*length1, *length0]));
        if rest.len() < length {
            break;
        }
        let kind = match kind {
            1 => "BEGIN_REQUEST",
            2 => "ABORT_REQUEST",
            3 => "END_REQUEST",
            4 => "PARAMS",
            5 => "STDIN",
            6 => "STDOUT",
            7 => "STDERR",
            other => panic!("unexpected record type {other}"),
        };
        records.push((kind, u16::from_be_bytes([*id1, *id0]), rest[..length].to_vec()));
        bytes = rest.get(length + usize::from(*padding)..).unwrap_or_default();
    }
    records
}
