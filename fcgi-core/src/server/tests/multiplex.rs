//! Several requests at once, both ways.

use alloc::vec;
use alloc::vec::Vec;

use super::wire::*;
use crate::server::Event;
use crate::{RecordType, RequestKey, Role, StreamState};

const R: Role = Role::RESPONDER;

/// The contents of one stream, joined.
fn joined(records: &[Record], kind: RecordType, id: u16) -> Vec<u8> {
    let of_stream = records.iter().filter(|record| record.kind == kind && record.id == id);
    of_stream.flat_map(|record| &record.content).copied().collect()
}

#[test]
fn interleaved_records_reach_their_own_requests() {
    // Each request is five records; every way to merge those of two requests, both of which have the same
    // text but for their id in it.
    let records = |id: u16| {
        let name = alloc::format!("{id}");
        let encoded = pairs(&[("ID", &name)]);
        [
            begin(id, R, true),
            params(id, &encoded[..3]),
            [params(id, &encoded[3..]), end_of(RecordType::PARAMS, id)].concat(),
            stdin(id, name.as_bytes()),
            [stdin(id, b"!"), end_of_stdin(id)].concat(),
        ]
    };
    let (left, right) = (records(1), records(2));
    let merges = (0..1_u32 << 10).filter(|bits| bits.count_ones() == 5);
    for merge in merges {
        let (mut left, mut right) = (left.iter(), right.iter());
        let mut link = Link::new();
        for bit in 0..10 {
            let side = if merge >> bit & 1 == 1 { &mut left } else { &mut right };
            link.send(side.next().unwrap());
        }
        let requests = link.events().into_iter().filter_map(|event| match event {
            Event::Request(request) => Some(request),
            _ => None,
        });
        let requests: Vec<_> = requests.collect();
        assert_eq!(requests.len(), 2);
        for request in requests {
            let id = alloc::format!("{}", request.id);
            assert_eq!(request.params.get_str("ID"), Some(&id[..]));
            let body = alloc::format!("{id}!").into_bytes();
            assert_eq!(link.body(request.key), (body, StreamState::Ended), "merged as {merge:b}");
        }
    }
}

#[test]
fn the_bodies_and_answers_of_many_requests_never_mix() {
    const COUNT: u16 = 100;
    let mut link = Link::new();
    let keys: Vec<(u16, RequestKey)> = (1..=COUNT).map(|id| (id, link.open_kept(id))).collect();
    let text = |id: u16, round: u8| vec![round ^ id.to_le_bytes()[0]; usize::from(id) * 61];
    for round in 0..3 {
        for &(id, _) in keys.iter().rev() {
            link.send(stdin(id, &text(id, round)));
        }
        for &(id, key) in &keys {
            assert_eq!(link.body(key), (text(id, round), StreamState::Open));
            // Copied ones and shared ones, with log lines between them.
            link.app.stdout_bytes(key, text(id, round).into()).unwrap();
            link.app.stderr(key, &[round]).unwrap();
        }
    }
    assert_eq!(link.app.active_requests(), usize::from(COUNT));
    for &(_, key) in &keys {
        link.app.end_request(key, 0).unwrap();
    }
    let answers = link.answers();
    for &(id, _) in &keys {
        let expected: Vec<u8> = (0..3).flat_map(|round| text(id, round)).collect();
        assert!(joined(&answers, RecordType::STDOUT, id) == expected, "the answer to {id}");
        assert_eq!(joined(&answers, RecordType::STDERR, id), [0, 1, 2]);
        let last: Vec<_> = answers.iter().filter(|record| record.id == id).rev().take(2).collect();
        assert_eq!(last, [&end(id), &out(id, b"")]);
        assert_eq!(answers.iter().filter(|record| **record == end(id)).count(), 1);
    }
}

#[test]
fn an_unread_body_below_its_window_blocks_no_other() {
    let mut link = Link::new();
    let (slow, fast) = (link.open_kept(1), link.open_kept(2));
    link.send(vec![stdin(1, &[b's'; 60_000]); 10].concat());
    assert!(link.app.wants_read(), "below the bound on all bodies");
    link.send([stdin(2, b"fast"), end_of_stdin(2)].concat());
    assert_eq!(link.events(), [Event::BodyReadable(slow), Event::BodyReadable(fast)]);
    assert_eq!(link.body(fast), (b"fast".to_vec(), StreamState::Ended));
    link.app.stdout(fast, b"done").unwrap();
    link.app.end_request(fast, 0).unwrap();
    assert_eq!(link.answers(), [out(2, b"done"), out(2, b""), end(2)]);
    assert_eq!(link.app.unread_bytes(), 600_000);
    let (body, state) = link.body(slow);
    assert_eq!((body.len(), state, link.app.unread_bytes()), (600_000, StreamState::Open, 0));
}

#[test]
fn the_end_of_a_response_is_one_buffer() {
    let mut link = Link::new();
    let key = link.open_kept(1);
    link.app.stdout(key, b"Status: 200 OK\r\n\r\n").unwrap();
    link.app.stdout(key, b"the body").unwrap();
    link.app.end_request(key, 0).unwrap();
    assert_eq!(link.app.output().slices().count(), 1);
    assert_eq!(link.answers(), [out(1, b"Status: 200 OK\r\n\r\nthe body"), out(1, b""), end(1)]);

    let key = link.open_kept(2);
    link.app.stdout(key, b"head").unwrap();
    link.app.stdout_bytes(key, vec![7; 50_000].into()).unwrap();
    link.app.end_request(key, 0).unwrap();
    let lens: Vec<_> = link.app.output().slices().map(<[u8]>::len).collect();
    assert_eq!(lens, [8 + 4 + 8, 50_000, 8 + 16], "three slices for one vectored write");
}

#[test]
fn stderr_records_carry_at_most_8_kib() {
    for len in [1, 8191, 8192, 8193, 17_000, 200_000] {
        let mut link = Link::new();
        let key = link.open_kept(1);
        link.app.stderr(key, &vec![b'e'; len]).unwrap();
        let answers = link.answers();
        assert_eq!(answers.len(), len.div_ceil(8192));
        assert!(answers.iter().all(|record| (1..=8192).contains(&record.content.len())));
        assert_eq!(joined(&answers, RecordType::STDERR, 1).len(), len);
    }
    // Also where many short lines come together.
    let mut link = Link::new();
    let key = link.open_kept(1);
    for _ in 0..1000 {
        link.app.stderr(key, b"twenty bytes of text").unwrap();
    }
    let answers = link.answers();
    assert!(answers.iter().all(|record| record.content.len() <= 8192));
    assert_eq!(joined(&answers, RecordType::STDERR, 1).len(), 20_000);
}

#[test]
fn stderr_goes_around_stdout_and_before_end_request() {
    let mut link = Link::new();
    let key = link.open_kept(1);
    link.app.stderr(key, b"before").unwrap();
    link.app.stdout(key, b"head").unwrap();
    link.app.stderr(key, b"between").unwrap();
    link.app.stdout(key, b"body").unwrap();
    link.app.stderr(key, b"after").unwrap();
    link.app.end_request(key, 0).unwrap();
    let expected = [
        err(1, b"before"),
        out(1, b"head"),
        err(1, b"between"),
        out(1, b"body"),
        err(1, b"after"),
        out(1, b""),
        end(1),
    ];
    assert_eq!(link.answers(), expected);
}

#[test]
fn a_stderr_flood_keeps_order_and_input_going() {
    let mut link = Link::new();
    let key = link.open_kept(1);
    let mut wire = Vec::new();
    for _ in 0..200 {
        link.app.stderr(key, &[b'e'; 5000]).unwrap();
        link.app.stdout(key, b"o").unwrap();
        assert!(link.app.wants_read(), "what waits to be written does not stop the input");
        wire.extend(link.written_up_to(3000));
    }
    link.send([stdin(1, b"still read"), end_of_stdin(1)].concat());
    assert_eq!(link.body(key), (b"still read".to_vec(), StreamState::Ended));
    link.app.end_request(key, 0).unwrap();
    wire.extend(link.written());
    let records = parse(&wire);
    assert_eq!(joined(&records, RecordType::STDERR, 1).len(), 1_000_000);
    assert_eq!(joined(&records, RecordType::STDOUT, 1).len(), 200);
    assert_eq!(records[records.len() - 2..], [out(1, b""), end(1)]);
}
