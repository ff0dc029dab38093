//! Bytes that no web server sends: the connection ends or idles, and does not panic, hang, or spin.

use fcgi_core::{RecordHeader, RecordType, RequestId, Role};
use tower_fcgi::{Config, ErrorKind, Limits};

use crate::chunking::Random;
use crate::handlers::{Count, echo, handler};
use crate::records::{KEEP, begin, begin_as, end_params, end_stdin, get, get_values, params, post, stdin};
use crate::web_server::{WebServer, serve_with};

/// Small limits, so that they are reached often.
fn serve_small(dropped: &Count) -> WebServer {
    let mut limits = Limits::default();
    limits.max_params_bytes = 500;
    limits.max_params = 20;
    limits.max_concurrent_requests = 4;
    limits.max_half_closed_requests = 4;
    limits.request_window = 2000;
    limits.connection_window = 4000;
    let second = std::time::Duration::from_secs(1);
    let config = Config::default()
        .with_limits(limits)
        .with_keep_alive_timeout(second)
        .with_body_stall_timeout(second)
        .with_linger_timeout(second)
        .with_linger_bytes(10_000);
    let dropped = dropped.clone();
    serve_with(
        config,
        handler(move |request| {
            let guard = dropped.on_drop();
            async move {
                let _guard = guard;
                // Some do not read their bodies.
                if request.uri().path().len() % 2 == 0 {
                    drop(request);
                    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
                    return crate::handlers::full("late");
                }
                tokio::time::timeout(std::time::Duration::from_secs(50), echo(request))
                    .await
                    .unwrap_or_else(|_| crate::handlers::full("tired"))
            }
        }),
    )
}

/// Sends `bytes` in packets, and waits for the end of the connection, which must follow.
async fn ends(bytes: Vec<u8>, random: &mut Random) {
    let mut web_server = serve_small(&Count::default());
    let mut bytes = bytes::Bytes::from(bytes);
    let most = [1, 5, 100, 10_000][random.below(4)];
    while !bytes.is_empty() {
        let len = (random.below(most) + 1).min(bytes.len());
        web_server.send(bytes.split_to(len));
    }
    if random.below(3) == 0 {
        web_server.end();
    }
    // Every wait has a timeout, so that the connection ends even if the web server sends nothing more.
    let _ = web_server.ended().await;
    assert!(web_server.is_closed());
    // All output so far is valid records.
    web_server.answers();
}

/// Any kind of record, most of them valid in some state.
fn any_record(random: &mut Random) -> Vec<u8> {
    let id = u16::try_from(random.below(5)).unwrap() + u16::from(random.below(30) != 0);
    let filling: Vec<u8> = (0..random.below(900)).map(|_| random.byte()).collect();
    match random.below(16) {
        0..3 => begin(id, random.below(3) != 0),
        3 => begin_as(Role(u16::from(random.byte() % 5)), id, KEEP),
        4..6 => {
            params(id, &[("REQUEST_METHOD", "GET"), ("REQUEST_URI", if id % 2 == 0 { "/" } else { "/x" })])
        }
        6 => end_params(id),
        7..10 => stdin(id, &filling),
        10 => end_stdin(id),
        11 => crate::records::abort(id),
        12 => get_values(&["FCGI_MAX_REQS", "x"]),
        13 => crate::records::some_params(id, &[("HTTP_X", "y"), ("REQUEST_METHOD", "POST")]),
        14 => post(id, KEEP, "/y", random.below(2000)),
        _ => {
            let header = RecordHeader {
                kind: RecordType(random.byte() % 16),
                id: RequestId(id),
                content_len: u16::try_from(filling.len()).unwrap(),
                padding_len: random.byte(),
            };
            [&header.encode()[..], &filling, &vec![0; header.padding_len.into()]].concat()
        }
    }
}

#[tokio::test(start_paused = true)]
async fn random_bytes_end_the_connection() {
    for seed in 1..=1500 {
        let mut random = Random(seed * 0x9e37_79b9);
        let len = random.below(400);
        let mut bytes: Vec<u8> = (0..len).map(|_| random.byte()).collect();
        // A valid version and type lead further.
        if seed % 2 == 0 && len > 8 {
            bytes[0] = 1;
            bytes[1] %= 12;
            bytes[2] = 0;
        }
        ends(bytes, &mut random).await;
    }
}

#[tokio::test(start_paused = true)]
async fn random_records_in_any_order_end_or_idle() {
    for seed in 1..=3000 {
        let mut random = Random(seed * 0x9e37_79b9);
        let count = random.below(40);
        let bytes = (0..count).flat_map(|_| any_record(&mut random)).collect();
        ends(bytes, &mut random).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_corrupted_conversation_ends_or_idles() {
    for seed in 1..=1500 {
        let mut random = Random(seed * 0x9e37_79b9);
        let mut bytes: Vec<u8> = (1..=4)
            .flat_map(|id| [post(id, KEEP, "/a", 300), stdin(id, &[b'x'; 300]), end_stdin(id)].concat())
            .collect();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len() - 1);
            match random.below(4) {
                0 => bytes[at] = random.byte(),
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, random.byte()),
                _ => bytes.truncate(at.max(2)),
            }
        }
        ends(bytes, &mut random).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_truncated_conversation_ends_and_drops_handlers() {
    let bytes = [post(1, KEEP, "/a", 300), get(2, KEEP, "/"), stdin(1, &[b'x'; 300]), end_stdin(1)].concat();
    for at in 0..=bytes.len() {
        for by_reset in [false, true] {
            let dropped = Count::default();
            let mut web_server = serve_small(&dropped);
            web_server.send(bytes[..at].to_vec());
            if by_reset {
                web_server.reset()
            } else {
                web_server.end()
            }
            let (_, took) = web_server.ended_after().await;
            assert!(took.as_millis() < 5, "after {at} bytes: {took:?}");
            web_server.quiet().await;
            assert!(dropped.now() <= 2);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn declared_pair_lengths_cost_no_memory_and_no_panic() {
    for lengths in [
        &b"\xff\xff\xff\xff\xff\xff\xff\xff"[..],
        b"\x80\x00\x00\x00\xff\xff\xff\xff",
        b"\xff\xff\xff\xff\x00",
    ] {
        let record = crate::records::record(RecordType::PARAMS, 1, lengths);
        let mut web_server = serve_small(&Count::default());
        web_server.say([begin(1, KEEP), record, end_params(1), end_stdin(1)].concat()).await;
        if web_server.is_closed() {
            assert_eq!(web_server.ended().await.unwrap_err().kind(), ErrorKind::Protocol);
        } else {
            assert_eq!(web_server.answer(1).status(), 431);
        }
    }
}
