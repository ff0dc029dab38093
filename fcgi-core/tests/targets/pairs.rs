//! Name-value pairs: by themselves, and as the PARAMS of a request in records of any size. The first byte says
//! how large these are.

use std::sync::Arc;

use fcgi_core::server::{Config, Connection, Event, RejectReason};
use fcgi_core::{
    BeginRequest, Limits, NameValuePairs, Params, ProtocolErrorKind, RecordHeader, RecordType, RequestId,
    Role, encode_pair,
};

const PAIRS: usize = 16;
const BYTES: usize = 300;

/// What becomes of a request with these PARAMS.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    Params(Params),
    Refused(RejectReason),
    Broken(ProtocolErrorKind),
}

pub(crate) fn run(data: &[u8]) {
    let Some((size, encoded)) = data.split_first() else { return };
    let encoded = &encoded[..encoded.len().min(60_000)];
    let pairs: Vec<_> = NameValuePairs::new(encoded).map_while(Result::ok).collect();
    let is_whole = NameValuePairs::new(encoded).all(|pair| pair.is_ok());

    let mut again = Vec::new();
    for (name, value) in &pairs {
        encode_pair(&mut again, name, value);
    }
    assert!(again.len() <= encoded.len(), "the shortest encoding");
    assert!(NameValuePairs::new(&again).eq(pairs.iter().copied().map(Ok)));

    let read = read(encoded, encoded.len().max(1));
    assert_eq!(self::read(encoded, 1), read);
    assert_eq!(self::read(encoded, usize::from(*size) + 1), read);
    match read {
        Read::Params(params) => {
            assert!(is_whole && params.iter().eq(pairs.iter().copied()));
            assert_eq!((params.len(), &params.encoded()[..]), (pairs.len(), encoded));
            for (name, _) in &params {
                assert_eq!(params.get(name), params.get_all(name).last());
            }
        }
        // One too many is refused at its lengths, before it is there.
        Read::Refused(RejectReason::TooManyParams) => assert!(pairs.len() + usize::from(!is_whole) > PAIRS),
        Read::Refused(_) => assert!(encoded.len() > BYTES || !is_whole, "it says that it is longer"),
        Read::Broken(rule) => assert!(rule == ProtocolErrorKind::TruncatedPair && !is_whole),
    }
}

fn read(encoded: &[u8], size: usize) -> Read {
    let mut limits = Limits::default();
    (limits.max_params_bytes, limits.max_params) = (BYTES, PAIRS);
    let mut app = Connection::new(Arc::new(Config { limits, ..Config::default() }));
    let begin = BeginRequest { role: Role::RESPONDER, keep_conn: true }.encode();
    app.receive(&record(RecordType::BEGIN_REQUEST, &begin)).unwrap();
    let parts = encoded.chunks(size).chain([&[][..]]);
    for part in parts {
        if let Err(violation) = app.receive(&record(RecordType::PARAMS, part)) {
            assert_eq!(app.poll_event(), None);
            return Read::Broken(violation.kind);
        }
    }
    match (app.poll_event(), app.poll_event()) {
        (Some(Event::Request(request)), None) => Read::Params(request.params),
        (Some(Event::Rejected(_, refusal)), None) => Read::Refused(refusal),
        other => panic!("{other:?}"),
    }
}

fn record(kind: RecordType, content: &[u8]) -> Vec<u8> {
    let content_len = u16::try_from(content.len()).unwrap();
    let header = RecordHeader { kind, id: RequestId(1), content_len, padding_len: 0 };
    [&header.encode()[..], content].concat()
}
