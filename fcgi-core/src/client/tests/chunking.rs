//! The same bytes give the same events and responses, however they are split.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;

use super::wire::*;
use crate::client::{Config, Connection, EndOfInput, Event};
use crate::{EndRequest, ProtocolError, ProtocolStatus, RecordType, RequestKey};

/// What must not depend on the transport.
#[derive(Debug, Default, PartialEq)]
struct Transcript {
    bodies: BTreeMap<RequestKey, Vec<u8>>,
    errors: BTreeMap<RequestKey, Vec<u8>>,
    ends: Vec<(RequestKey, EndRequest)>,
    values: Vec<Event>,
    error: Option<ProtocolError>,
    /// Undefined after a protocol error.
    end_of_input: Option<EndOfInput>,
    output: Vec<u8>,
}

fn transcript(wire: &[u8], sizes: &[usize], shared: bool) -> Transcript {
    let mut client = Connection::new(Config { max_concurrent_requests: 4, ..Config::default() });
    for _ in 0..4 {
        send_request(&mut client);
    }
    client.get_values(&crate::Variable::ALL).unwrap();
    let wire = Bytes::copy_from_slice(wire);
    let (mut transcript, mut sizes, mut at) = (Transcript::default(), sizes.iter().cycle(), 0);
    while at < wire.len() && transcript.error.is_none() {
        let end = wire.len().min(at + sizes.next().unwrap());
        let read = wire.slice(at..end);
        at = end;
        let received = if shared { client.receive_shared(&read) } else { client.receive(&read) };
        transcript.error = received.err();
        while let Some(event) = client.poll_event() {
            match event {
                Event::StdoutReadable(key) => {
                    let mut chunks = alloc::collections::VecDeque::new();
                    client.read_stdout(key, &mut chunks).unwrap();
                    let bytes = Vec::from(chunks).concat();
                    client.release_capacity(key, bytes.len());
                    transcript.bodies.entry(key).or_default().extend(bytes);
                }
                Event::StderrReadable(key) => {
                    let mut chunks = alloc::collections::VecDeque::new();
                    client.read_stderr(key, &mut chunks).unwrap();
                    transcript.errors.entry(key).or_default().extend(Vec::from(chunks).concat());
                }
                Event::RequestEnded(key, end) => transcript.ends.push((key, end)),
                event => transcript.values.push(event),
            }
        }
    }
    transcript.end_of_input = transcript.error.is_none().then(|| client.end_of_input());
    transcript.output = take_output(&mut client);
    transcript
}

/// Random records of an application, mostly legal.
fn responses() -> impl Strategy<Value = Vec<u8>> {
    let content = || prop::collection::vec(any::<u8>(), 1..40);
    let one = prop_oneof![
        20 => (1..5_u16, content(), 0..9_u8)
            .prop_map(|(id, content, padding)| padded(RecordType::STDOUT, id, &content, padding)),
        5 => (1..5_u16, content()).prop_map(|(id, content)| stderr(id, &content)),
        1 => (1..5_u16).prop_map(|id| [stdout(id, b""), end_request(id)].concat()),
        1 => (1..5_u16).prop_map(|id| end_request_with(id, 3, ProtocolStatus::OVERLOADED)),
        1 => (1..5_u16).prop_map(|id| stdout(id, b"")),
        1 => Just(record(RecordType::GET_VALUES_RESULT, 0, b"\x0d\x01FCGI_MAX_REQS4")),
        1 => Just(record(RecordType::UNKNOWN_TYPE, 0, &[9; 8])),
        1 => (any::<u8>(), 0..6_u16, content())
            .prop_map(|(kind, id, content)| record(RecordType(kind), id, &content)),
    ];
    prop::collection::vec(one, 0..40).prop_map(|records| records.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_gives_the_same_events(
        wire in responses(),
        cut in any::<prop::sample::Index>(),
        sizes in prop::collection::vec(1..200_usize, 1..10),
    ) {
        // Also for a truncated stream.
        for wire in [&wire[..], &wire[..cut.index(wire.len() + 1)]] {
            let whole = transcript(wire, &[usize::MAX / 2], false);
            for sizes in [&[1][..], &[9], &sizes, &[usize::MAX / 2]] {
                for shared in [false, true] {
                    prop_assert_eq!(&transcript(wire, sizes, shared), &whole);
                }
            }
        }
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(prop_oneof![3 => 0..12_u8, 1 => any::<u8>()], 0..300)) {
        let wire = [vec![1], bytes].concat();
        prop_assert_eq!(transcript(&wire, &[1], false), transcript(&wire, &[1000], true));
    }
}

#[test]
fn a_response_whole_by_byte_and_with_a_tail() {
    let one =
        [stdout(1, b"Status: 200 OK\r\n\r\n"), stderr(1, b"e"), stdout(1, b""), end_request(1)].concat();
    let tail = [stdout(2, b"x"), end_request(2)[..11].to_vec()].concat();
    for wire in [one.clone(), [one.clone(), tail].concat()] {
        let whole = transcript(&wire, &[wire.len()], false);
        assert_eq!((whole.ends.len(), whole.error), (1, None));
        for at in 1..wire.len() {
            assert_eq!(transcript(&wire, &[at, wire.len()], false), whole, "split at {at}");
        }
        assert_eq!(transcript(&wire, &[1], false), whole);
    }
}
