//! Name-value pairs, alone and as PARAMS of a request. The first byte is the size of the records.

use std::sync::Arc;

use fcgi_core::server::{Config, Connection, Event, RejectReason};
use fcgi_core::{
    BeginRequest, Limits, NameValuePairs, Params, ProtocolErrorKind, RecordHeader, RecordType, RequestId,
    Role, encode_pair,
};

const MAX_PAIRS: usize = 16;
const MAX_BYTES: usize = 300;

/// The result for a request with these PARAMS.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Params(Params),
    Rejected(RejectReason),
    Failed(ProtocolErrorKind),
}

pub(crate) fn run(data: &[u8]) {
    let Some((size, encoded)) = data.split_first() else { return };
    let encoded = &encoded[..encoded.len().min(60_000)];
    let pairs: Vec<_> = NameValuePairs::new(encoded).map_while(Result::ok).collect();
    let is_complete = NameValuePairs::new(encoded).all(|pair| pair.is_ok());

    let mut reencoded = Vec::new();
    for (name, value) in &pairs {
        encode_pair(&mut reencoded, name, value);
    }
    assert!(reencoded.len() <= encoded.len(), "the shortest encoding");
    assert!(NameValuePairs::new(&reencoded).eq(pairs.iter().copied().map(Ok)));

    let outcome = decode(encoded, encoded.len().max(1));
    assert_eq!(decode(encoded, 1), outcome);
    assert_eq!(decode(encoded, usize::from(*size) + 1), outcome);
    match outcome {
        Outcome::Params(params) => {
            assert!(is_complete && params.iter().eq(pairs.iter().copied()));
            assert_eq!((params.len(), &params.encoded()[..]), (pairs.len(), encoded));
            for (name, _) in &params {
                assert_eq!(params.get(name), params.get_all(name).last());
            }
        }
        // The pair over the limit is rejected at its lengths, before it is complete.
        Outcome::Rejected(RejectReason::TooManyParams) => {
            assert!(pairs.len() + usize::from(!is_complete) > MAX_PAIRS)
        }
        Outcome::Rejected(_) => {
            assert!(encoded.len() > MAX_BYTES || !is_complete, "a length exceeds the limit")
        }
        Outcome::Failed(kind) => assert!(kind == ProtocolErrorKind::TruncatedPair && !is_complete),
    }
}

fn decode(encoded: &[u8], size: usize) -> Outcome {
    let mut limits = Limits::default();
    (limits.max_params_bytes, limits.max_params) = (MAX_BYTES, MAX_PAIRS);
    let mut config = Config::default();
    config.limits = limits;
    let mut server = Connection::new(Arc::new(config));
    let begin = BeginRequest { role: Role::RESPONDER, keep_conn: true }.encode();
    server.receive(&record(RecordType::BEGIN_REQUEST, &begin)).unwrap();
    let parts = encoded.chunks(size).chain([&[][..]]);
    for part in parts {
        if let Err(error) = server.receive(&record(RecordType::PARAMS, part)) {
            assert_eq!(server.poll_event(), None);
            return Outcome::Failed(error.kind());
        }
    }
    match (server.poll_event(), server.poll_event()) {
        (Some(Event::Request(request)), None) => Outcome::Params(request.params),
        (Some(Event::Rejected(_, reason)), None) => Outcome::Rejected(reason),
        other => panic!("{other:?}"),
    }
}

fn record(kind: RecordType, content: &[u8]) -> Vec<u8> {
    let content_len = u16::try_from(content.len()).unwrap();
    let header = RecordHeader { kind, id: RequestId(1), content_len, padding_len: 0 };
    [&header.encode()[..], content].concat()
}
