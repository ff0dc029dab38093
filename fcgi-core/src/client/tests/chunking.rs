//! The same bytes are the same events and answers however they are cut, and with whatever tail.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;

use super::wire::*;
use crate::client::{Config, Connection, EndOfInput, Event};
use crate::{EndRequest, ProtocolError, ProtocolStatus, RecordType, RequestKey};

/// What of an application's answers must not hang on the transport.
#[derive(Debug, Default, PartialEq)]
struct Story {
    bodies: BTreeMap<RequestKey, Vec<u8>>,
    errors: BTreeMap<RequestKey, Vec<u8>>,
    ends: Vec<(RequestKey, EndRequest)>,
    values: Vec<Event>,
    violation: Option<ProtocolError>,
    /// After a violation it means nothing.
    end_of_input: Option<EndOfInput>,
    output: Vec<u8>,
}

fn story(wire: &[u8], sizes: &[usize], shared: bool) -> Story {
    let mut server = Connection::new(Config { max_concurrent_requests: 4, ..Config::default() });
    for _ in 0..4 {
        ask(&mut server);
    }
    server.get_values(&crate::Variable::ALL).unwrap();
    let wire = Bytes::copy_from_slice(wire);
    let (mut story, mut sizes, mut at) = (Story::default(), sizes.iter().cycle(), 0);
    while at < wire.len() && story.violation.is_none() {
        let end = wire.len().min(at + sizes.next().unwrap());
        let read = wire.slice(at..end);
        at = end;
        let received = if shared { server.receive_shared(&read) } else { server.receive(&read) };
        story.violation = received.err();
        while let Some(event) = server.poll_event() {
            match event {
                Event::StdoutReadable(key) => {
                    let mut chunks = alloc::collections::VecDeque::new();
                    server.read_stdout(key, &mut chunks).unwrap();
                    let bytes = Vec::from(chunks).concat();
                    server.release_capacity(key, bytes.len());
                    story.bodies.entry(key).or_default().extend(bytes);
                }
                Event::StderrReadable(key) => {
                    let mut chunks = alloc::collections::VecDeque::new();
                    server.read_stderr(key, &mut chunks).unwrap();
                    story.errors.entry(key).or_default().extend(Vec::from(chunks).concat());
                }
                Event::RequestEnded(key, end) => story.ends.push((key, end)),
                event => story.values.push(event),
            }
        }
    }
    story.end_of_input = story.violation.is_none().then(|| server.end_of_input());
    story.output = sent(&mut server);
    story
}

/// Records as an application might send them, mostly lawful.
fn answers() -> impl Strategy<Value = Vec<u8>> {
    let content = || prop::collection::vec(any::<u8>(), 1..40);
    let one = prop_oneof![
        20 => (1..5_u16, content(), 0..9_u8)
            .prop_map(|(id, content, padding)| padded(RecordType::STDOUT, id, &content, padding)),
        5 => (1..5_u16, content()).prop_map(|(id, content)| stderr(id, &content)),
        1 => (1..5_u16).prop_map(|id| [stdout(id, b""), end(id)].concat()),
        1 => (1..5_u16).prop_map(|id| end_with(id, 3, ProtocolStatus::OVERLOADED)),
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
    fn the_same_bytes_are_the_same_story_in_any_chunking(
        wire in answers(),
        cut in any::<prop::sample::Index>(),
        sizes in prop::collection::vec(1..200_usize, 1..10),
    ) {
        // Also where the stream breaks off somewhere.
        for wire in [&wire[..], &wire[..cut.index(wire.len() + 1)]] {
            let whole = story(wire, &[usize::MAX / 2], false);
            for sizes in [&[1][..], &[9], &sizes, &[usize::MAX / 2]] {
                for shared in [false, true] {
                    prop_assert_eq!(&story(wire, sizes, shared), &whole);
                }
            }
        }
    }

    #[test]
    fn bytes_of_no_sense_never_panic(bytes in prop::collection::vec(prop_oneof![3 => 0..12_u8, 1 => any::<u8>()], 0..300)) {
        let wire = [vec![1], bytes].concat();
        prop_assert_eq!(story(&wire, &[1], false), story(&wire, &[1000], true));
    }
}

#[test]
fn an_answer_whole_byte_by_byte_and_with_a_tail() {
    let one = [stdout(1, b"Status: 200 OK\r\n\r\n"), stderr(1, b"e"), stdout(1, b""), end(1)].concat();
    let tail = [stdout(2, b"x"), end(2)[..11].to_vec()].concat();
    for wire in [one.clone(), [one.clone(), tail].concat()] {
        let whole = story(&wire, &[wire.len()], false);
        assert_eq!((whole.ends.len(), whole.violation), (1, None));
        for at in 1..wire.len() {
            assert_eq!(story(&wire, &[at, wire.len()], false), whole, "split at {at}");
        }
        assert_eq!(story(&wire, &[1], false), whole);
    }
}
