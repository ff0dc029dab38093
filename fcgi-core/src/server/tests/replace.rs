//! Replaces a response before it is written.

use alloc::vec;
use alloc::vec::Vec;

use super::wire::*;
use crate::{RecordType, UserError};

/// Two requests with interleaved responses and log lines, in small and large pieces.
fn interleaved(harness: &mut Harness) -> [crate::RequestKey; 2] {
    let keys @ [one, two] = [1, 2].map(|id| harness.open_keep_conn(id));
    let server = &mut harness.server;
    server.stdout(two, b"two").unwrap();
    server.stderr(one, b"before").unwrap();
    server.stdout(one, b"one").unwrap();
    server.stdout_bytes(one, vec![b'1'; 9000].into()).unwrap();
    server.stdout_bytes(two, vec![b'2'; 5000].into()).unwrap();
    server.stdout_bytes(one, vec![b'1'; 70_000].into()).unwrap();
    server.stderr(one, b"behind").unwrap();
    server.stdout_with(two, |out| out.extend_from_slice(b"too")).unwrap();
    server.stdout(one, b"more").unwrap();
    keys
}

#[test]
fn an_unwritten_response_is_replaced_in_its_place() {
    for first in [true, false] {
        let mut harness = Harness::new();
        let keys = interleaved(&mut harness);
        let (id, key) = if first { (1, keys[0]) } else { (2, keys[1]) };
        let before = parse(&unwritten(harness.server.output()));
        let is_own = |record: &Record| record.kind == RecordType::STDOUT && record.id == id;
        let at = before.iter().position(is_own).unwrap();
        let mut expected: Vec<_> = before.into_iter().filter(|record| !is_own(record)).collect();
        expected.insert(at, stdout(id, b"sorry"));
        assert_eq!(harness.server.replace_response(key, b"sorry"), Ok(true));
        assert_eq!(parse(&unwritten(harness.server.output())), expected);
        // Replace again, by nothing. What follows goes to the end.
        expected.remove(at);
        assert_eq!(harness.server.replace_response(key, b""), Ok(true));
        assert_eq!(parse(&unwritten(harness.server.output())), expected);
        // The other response has moved, and can still be replaced.
        let other = if first { keys[1] } else { keys[0] };
        let is_others = |record: &Record| record.kind == RecordType::STDOUT;
        let at = expected.iter().position(is_others).unwrap();
        expected.retain(|record| !is_others(record));
        expected.insert(at, stdout(3 - id, b"too"));
        assert_eq!(harness.server.replace_response(other, b"too"), Ok(true));
        assert_eq!(parse(&unwritten(harness.server.output())), expected);
        harness.server.stdout(key, b"late").unwrap();
        harness.server.end_request(key, 0).unwrap();
        expected.extend([stdout(id, b"late"), stdout(id, b""), end_request(id)]);
        assert_eq!(parse(&harness.written_bytes()), expected);
    }
}

#[test]
fn a_response_can_be_replaced_until_its_first_write() {
    let len = |harness: &mut Harness| unwritten(harness.server.output()).len();
    let mut whole = Harness::new();
    interleaved(&mut whole);
    let all = len(&mut whole);
    // Start of response 1: after "two" and a line with its padding.
    let begins = (8 + 3) + (8 + 6 + 2);
    for written in (0..begins + 200).chain((begins..all).step_by(997)) {
        let mut harness = Harness::new();
        let [one, _] = interleaved(&mut harness);
        let mut wire = harness.write_up_to(written);
        let before = unwritten(harness.server.output());
        assert_eq!(harness.server.replace_response(one, b"sorry"), Ok(written <= begins), "{written}");
        if written > begins {
            assert_eq!(unwritten(harness.server.output()), before, "{written}");
            continue;
        }
        wire.extend(harness.written_bytes());
        let records = parse(&wire);
        let own = records.iter().filter(|record| (record.kind, record.id) == (RecordType::STDOUT, 1));
        assert_eq!(own.map(|record| &record.content[..]).collect::<Vec<_>>(), [b"sorry"], "{written}");
        assert_eq!(records.len(), 6, "{written}");
    }
}

#[test]
fn replacing_an_unstarted_response_starts_it() {
    let mut harness = Harness::new();
    let key = harness.open_keep_conn(1);
    assert_eq!(harness.server.replace_response(key, b"sorry"), Ok(true));
    harness.server.end_request(key, 0).unwrap();
    assert_eq!(parse(&harness.written_bytes()), [stdout(1, b"sorry"), stdout(1, b""), end_request(1)]);
    assert_eq!(harness.server.replace_response(key, b"late"), Err(UserError::RequestClosed));
}

#[test]
fn the_next_response_of_an_id_is_replaced_alone() {
    let mut harness = Harness::new();
    let key = harness.open_keep_conn(1);
    harness.server.stdout(key, b"first").unwrap();
    harness.server.end_request(key, 0).unwrap();
    harness.send(stdin_end(1));
    let key = harness.open_keep_conn(1);
    harness.server.stdout(key, b"second").unwrap();
    assert_eq!(harness.server.replace_response(key, b"sorry"), Ok(true));
    assert_eq!(
        parse(&harness.written_bytes()),
        [stdout(1, b"first"), stdout(1, b""), end_request(1), stdout(1, b"sorry")]
    );
}
