//! Concurrent requests in both directions.

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
    // Every interleaving of two requests of five records each, which differ only by their id.
    let records = |id: u16| {
        let name = alloc::format!("{id}");
        let encoded = encode_pairs(&[("ID", &name)]);
        [
            begin(id, R, true),
            params(id, &encoded[..3]),
            [params(id, &encoded[3..]), stream_end(RecordType::PARAMS, id)].concat(),
            stdin(id, name.as_bytes()),
            [stdin(id, b"!"), stdin_end(id)].concat(),
        ]
    };
    let (left, right) = (records(1), records(2));
    let merges = (0..1_u32 << 10).filter(|bits| bits.count_ones() == 5);
    for merge in merges {
        let (mut left, mut right) = (left.iter(), right.iter());
        let mut harness = Harness::new();
        for bit in 0..10 {
            let side = if merge >> bit & 1 == 1 { &mut left } else { &mut right };
            harness.send(side.next().unwrap());
        }
        let requests = harness.events().into_iter().filter_map(|event| match event {
            Event::Request(request) => Some(request),
            _ => None,
        });
        let requests: Vec<_> = requests.collect();
        assert_eq!(requests.len(), 2);
        for request in requests {
            let id = alloc::format!("{}", request.id);
            assert_eq!(request.params.get_str("ID"), Some(&id[..]));
            let body = alloc::format!("{id}!").into_bytes();
            assert_eq!(harness.body(request.key), (body, StreamState::Ended), "merged as {merge:b}");
        }
    }
}

#[test]
fn bodies_and_responses_of_many_requests_never_mix() {
    const COUNT: u16 = 100;
    let mut harness = Harness::new();
    let keys: Vec<(u16, RequestKey)> = (1..=COUNT).map(|id| (id, harness.open_keep_conn(id))).collect();
    let text = |id: u16, round: u8| vec![round ^ id.to_le_bytes()[0]; usize::from(id) * 61];
    for round in 0..3 {
        for &(id, _) in keys.iter().rev() {
            harness.send(stdin(id, &text(id, round)));
        }
        for &(id, key) in &keys {
            assert_eq!(harness.body(key), (text(id, round), StreamState::Open));
            // Copied and shared content, with log lines between.
            harness.server.stdout_bytes(key, text(id, round).into()).unwrap();
            harness.server.stderr(key, &[round]).unwrap();
        }
    }
    assert_eq!(harness.server.active_requests(), usize::from(COUNT));
    for &(_, key) in &keys {
        harness.server.end_request(key, 0).unwrap();
    }
    let responses = harness.written_records();
    for &(id, _) in &keys {
        let expected: Vec<u8> = (0..3).flat_map(|round| text(id, round)).collect();
        assert!(joined(&responses, RecordType::STDOUT, id) == expected, "the response to {id}");
        assert_eq!(joined(&responses, RecordType::STDERR, id), [0, 1, 2]);
        let last: Vec<_> = responses.iter().filter(|record| record.id == id).rev().take(2).collect();
        assert_eq!(last, [&end_request(id), &stdout(id, b"")]);
        assert_eq!(responses.iter().filter(|record| **record == end_request(id)).count(), 1);
    }
}

#[test]
fn an_unread_body_below_its_window_blocks_no_other() {
    let mut harness = Harness::new();
    let (slow, fast) = (harness.open_keep_conn(1), harness.open_keep_conn(2));
    harness.send(vec![stdin(1, &[b's'; 60_000]); 10].concat());
    assert!(harness.server.wants_read(), "below the window of the connection");
    harness.send([stdin(2, b"fast"), stdin_end(2)].concat());
    assert_eq!(harness.events(), [Event::BodyReadable(slow), Event::BodyReadable(fast)]);
    assert_eq!(harness.body(fast), (b"fast".to_vec(), StreamState::Ended));
    harness.server.stdout(fast, b"done").unwrap();
    harness.server.end_request(fast, 0).unwrap();
    assert_eq!(harness.written_records(), [stdout(2, b"done"), stdout(2, b""), end_request(2)]);
    assert_eq!(harness.server.unread_bytes(), 600_000);
    let (body, state) = harness.body(slow);
    assert_eq!((body.len(), state, harness.server.unread_bytes()), (600_000, StreamState::Open, 0));
}

#[test]
fn the_end_of_a_response_is_one_buffer() {
    let mut harness = Harness::new();
    let key = harness.open_keep_conn(1);
    harness.server.stdout(key, b"Status: 200 OK\r\n\r\n").unwrap();
    harness.server.stdout(key, b"the body").unwrap();
    harness.server.end_request(key, 0).unwrap();
    assert_eq!(harness.server.output().slices().count(), 1);
    assert_eq!(
        harness.written_records(),
        [stdout(1, b"Status: 200 OK\r\n\r\nthe body"), stdout(1, b""), end_request(1)]
    );

    let key = harness.open_keep_conn(2);
    harness.server.stdout(key, b"head").unwrap();
    harness.server.stdout_bytes(key, vec![7; 50_000].into()).unwrap();
    harness.server.end_request(key, 0).unwrap();
    let lens: Vec<_> = harness.server.output().slices().map(<[u8]>::len).collect();
    assert_eq!(lens, [8 + 4, 50_000, 8 + 16], "three slices for one vectored write");
}

#[test]
fn stderr_records_carry_at_most_8_kib() {
    for len in [1, 8191, 8192, 8193, 17_000, 200_000] {
        let mut harness = Harness::new();
        let key = harness.open_keep_conn(1);
        harness.server.stderr(key, &vec![b'e'; len]).unwrap();
        let responses = harness.written_records();
        assert_eq!(responses.len(), len.div_ceil(8192));
        assert!(responses.iter().all(|record| (1..=8192).contains(&record.content.len())));
        assert_eq!(joined(&responses, RecordType::STDERR, 1).len(), len);
    }
    // Also with many short lines.
    let mut harness = Harness::new();
    let key = harness.open_keep_conn(1);
    for _ in 0..1000 {
        harness.server.stderr(key, b"twenty bytes of text").unwrap();
    }
    let responses = harness.written_records();
    assert!(responses.iter().all(|record| record.content.len() <= 8192));
    assert_eq!(joined(&responses, RecordType::STDERR, 1).len(), 20_000);
}

#[test]
fn stderr_keeps_its_order_with_stdout_and_the_end() {
    let mut harness = Harness::new();
    let key = harness.open_keep_conn(1);
    harness.server.stderr(key, b"before").unwrap();
    harness.server.stdout(key, b"head").unwrap();
    harness.server.stderr(key, b"between").unwrap();
    harness.server.stdout(key, b"body").unwrap();
    harness.server.stderr(key, b"after").unwrap();
    harness.server.end_request(key, 0).unwrap();
    let expected = [
        stderr(1, b"before"),
        stdout(1, b"head"),
        stderr(1, b"between"),
        stdout(1, b"body"),
        stderr(1, b"after"),
        stdout(1, b""),
        end_request(1),
    ];
    assert_eq!(harness.written_records(), expected);
}

#[test]
fn a_stderr_flood_keeps_order_and_input_going() {
    let mut harness = Harness::new();
    let key = harness.open_keep_conn(1);
    let mut wire = Vec::new();
    for _ in 0..200 {
        harness.server.stderr(key, &[b'e'; 5000]).unwrap();
        harness.server.stdout(key, b"o").unwrap();
        assert!(harness.server.wants_read(), "unwritten output does not pause the input");
        wire.extend(harness.write_up_to(3000));
    }
    harness.send([stdin(1, b"still read"), stdin_end(1)].concat());
    assert_eq!(harness.body(key), (b"still read".to_vec(), StreamState::Ended));
    harness.server.end_request(key, 0).unwrap();
    wire.extend(harness.written_bytes());
    let records = parse(&wire);
    assert_eq!(joined(&records, RecordType::STDERR, 1).len(), 1_000_000);
    assert_eq!(joined(&records, RecordType::STDOUT, 1).len(), 200);
    assert_eq!(records[records.len() - 2..], [stdout(1, b""), end_request(1)]);
}
