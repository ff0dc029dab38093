//! A response that is taken back before it is written.

use alloc::vec;
use alloc::vec::Vec;

use super::wire::*;
use crate::{RecordType, UserError};

/// Two requests whose responses and lines lie between each other, of small and of large pieces.
fn interleaved(link: &mut Link) -> [crate::RequestKey; 2] {
    let keys @ [one, two] = [1, 2].map(|id| link.open_kept(id));
    let app = &mut link.app;
    app.stdout(two, b"two").unwrap();
    app.stderr(one, b"before").unwrap();
    app.stdout(one, b"one").unwrap();
    app.stdout_bytes(one, vec![b'1'; 9000].into()).unwrap();
    app.stdout_bytes(two, vec![b'2'; 5000].into()).unwrap();
    app.stdout_bytes(one, vec![b'1'; 70_000].into()).unwrap();
    app.stderr(one, b"behind").unwrap();
    app.stdout_with(two, |out| out.extend_from_slice(b"too")).unwrap();
    app.stdout(one, b"more").unwrap();
    keys
}

#[test]
fn an_unwritten_response_is_replaced_in_its_place() {
    for first in [true, false] {
        let mut link = Link::new();
        let keys = interleaved(&mut link);
        let (id, key) = if first { (1, keys[0]) } else { (2, keys[1]) };
        let before = parse(&waiting(link.app.output()));
        let is_own = |record: &Record| record.kind == RecordType::STDOUT && record.id == id;
        let at = before.iter().position(is_own).unwrap();
        let mut expected: Vec<_> = before.into_iter().filter(|record| !is_own(record)).collect();
        expected.insert(at, out(id, b"sorry"));
        assert_eq!(link.app.replace_response(key, b"sorry"), Ok(true));
        assert_eq!(parse(&waiting(link.app.output())), expected);
        // Once more, by nothing; what comes then comes behind all.
        expected.remove(at);
        assert_eq!(link.app.replace_response(key, b""), Ok(true));
        assert_eq!(parse(&waiting(link.app.output())), expected);
        // The other one is where it was, although that is elsewhere now.
        let other = if first { keys[1] } else { keys[0] };
        let is_others = |record: &Record| record.kind == RecordType::STDOUT;
        let at = expected.iter().position(is_others).unwrap();
        expected.retain(|record| !is_others(record));
        expected.insert(at, out(3 - id, b"too"));
        assert_eq!(link.app.replace_response(other, b"too"), Ok(true));
        assert_eq!(parse(&waiting(link.app.output())), expected);
        link.app.stdout(key, b"late").unwrap();
        link.app.end_request(key, 0).unwrap();
        expected.extend([out(id, b"late"), out(id, b""), end(id)]);
        assert_eq!(parse(&link.written()), expected);
    }
}

#[test]
fn a_response_can_be_replaced_until_its_first_write() {
    let len = |link: &mut Link| waiting(link.app.output()).len();
    let mut whole = Link::new();
    interleaved(&mut whole);
    let all = len(&mut whole);
    // Of request 1: behind "two", and a line with its padding.
    let begins = (8 + 3) + (8 + 6 + 2);
    for written in (0..begins + 200).chain((begins..all).step_by(997)) {
        let mut link = Link::new();
        let [one, _] = interleaved(&mut link);
        let mut wire = link.written_up_to(written);
        let before = waiting(link.app.output());
        assert_eq!(link.app.replace_response(one, b"sorry"), Ok(written <= begins), "{written}");
        if written > begins {
            assert_eq!(waiting(link.app.output()), before, "{written}");
            continue;
        }
        wire.extend(link.written());
        let records = parse(&wire);
        let own = records.iter().filter(|record| (record.kind, record.id) == (RecordType::STDOUT, 1));
        assert_eq!(own.map(|record| &record.content[..]).collect::<Vec<_>>(), [b"sorry"], "{written}");
        assert_eq!(records.len(), 6, "{written}");
    }
}

#[test]
fn replacing_an_unstarted_response_starts_it() {
    let mut link = Link::new();
    let key = link.open_kept(1);
    assert_eq!(link.app.replace_response(key, b"sorry"), Ok(true));
    link.app.end_request(key, 0).unwrap();
    assert_eq!(parse(&link.written()), [out(1, b"sorry"), out(1, b""), end(1)]);
    assert_eq!(link.app.replace_response(key, b"late"), Err(UserError::RequestClosed));
}

#[test]
fn the_next_response_of_an_id_is_replaced_alone() {
    let mut link = Link::new();
    let key = link.open_kept(1);
    link.app.stdout(key, b"first").unwrap();
    link.app.end_request(key, 0).unwrap();
    link.send(end_of_stdin(1));
    let key = link.open_kept(1);
    link.app.stdout(key, b"second").unwrap();
    assert_eq!(link.app.replace_response(key, b"sorry"), Ok(true));
    assert_eq!(parse(&link.written()), [out(1, b"first"), out(1, b""), end(1), out(1, b"sorry")]);
}
