//! Several requests on a connection.

use std::time::Duration;

use bytes::Bytes;
use fcgi_core::{ProtocolStatus, RecordType, UnknownType};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, sleep, timeout};
use tower::{Service as _, ServiceExt as _};
use tower_fcgi::client::{Config, ErrorKind, ResponseFuture, SendRequest};

use crate::loopback::*;
use crate::scripted::{
    self, Application, WebServer, complete_response, end, end_with, record, stdout, values, with_id,
};

const MULTIPLEXES: [(&str, &str); 1] = [("FCGI_MPXS_CONNS", "1")];

/// A connection to an application that multiplexes, with a request in flight for each of `paths`.
async fn several<const N: usize>(
    config: Config,
    paths: [&str; N],
) -> (SendRequest<Body>, WebServer, Application, [ResponseFuture<Body>; N]) {
    let (mut sender, web_server, mut app) = scripted::connect(config.with_max_concurrent_requests(8));
    assert_eq!(app.record_with_id().await.unwrap().1, RecordType::GET_VALUES);
    app.send(values(&MULTIPLEXES)).await;
    let mut responses = Vec::new();
    for path in paths {
        responses.push(sender.ready().await.unwrap().call(get(path)));
        app.request().await;
    }
    (sender, web_server, app, responses.try_into().unwrap())
}

#[tokio::test(start_paused = true)]
async fn one_request_at_a_time_needs_no_probe() {
    for config in [kept(), kept().with_max_concurrent_requests(8).with_keep_conn(false)] {
        let (mut sender, _web_server, mut app) = scripted::connect(config);
        let _response = sender.call(get("/"));
        assert_eq!(app.record().await.unwrap().0, RecordType::BEGIN_REQUEST);
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_first_request_goes_before_the_probe_reply() {
    let (mut sender, _web_server, mut app) = scripted::connect(kept().with_max_concurrent_requests(8));
    let first = sender.call(get("/1"));
    assert_eq!(app.record().await.unwrap().0, RecordType::GET_VALUES);
    app.request().await;
    assert_eq!(sender.call(get("/2")).await.unwrap_err().kind(), ErrorKind::Closed);
    app.send(values(&MULTIPLEXES)).await;
    let second = sender.ready().await.unwrap().call(get("/2"));
    let (id, kind, _) = app.record_with_id().await.unwrap();
    assert_eq!((id, kind), (2, RecordType::BEGIN_REQUEST));
    app.request().await;
    // In pieces, the second first.
    let wire = [
        with_id(2, stdout("\r\nsec")),
        stdout("\r\nfi"),
        with_id(2, stdout("ond")),
        with_id(2, end()),
        stdout("rst"),
    ];
    app.send([wire.concat(), end()].concat()).await;
    assert_eq!(text(first.await.unwrap().into_body()).await.unwrap(), "first");
    assert_eq!(text(second.await.unwrap().into_body()).await.unwrap(), "second");
}

#[tokio::test(start_paused = true)]
async fn without_mpxs_conns_requests_go_one_at_a_time() {
    let unknown = with_id(0, record(RecordType::UNKNOWN_TYPE, &UnknownType(RecordType::GET_VALUES).encode()));
    for reply in [unknown, values(&[]), values(&[("FCGI_MPXS_CONNS", "0")]), Vec::new()] {
        let (mut sender, _web_server, mut app) = scripted::connect(kept().with_max_concurrent_requests(8));
        for path in ["/1", "/2"] {
            let response = sender.ready().await.unwrap().call(get(path));
            app.request().await;
            app.send(&reply).await;
            // Longer than the probe's timeout.
            sleep(Duration::from_secs(5)).await;
            assert_eq!(sender.call(get("/other")).await.unwrap_err().kind(), ErrorKind::Closed);
            app.send(complete_response(path)).await;
            assert_eq!(text(response.await.unwrap().into_body()).await.unwrap(), path);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn requests_at_once_are_bounded_by_both_sides() {
    for (max_reqs, expected) in [(None, 8), (Some("3"), 3), (Some("100"), 8)] {
        let (mut sender, _web_server, mut app) = scripted::connect(kept().with_max_concurrent_requests(8));
        let mut pairs = MULTIPLEXES.to_vec();
        pairs.extend(max_reqs.map(|max_reqs| ("FCGI_MAX_REQS", max_reqs)));
        assert_eq!(app.record().await.unwrap().0, RecordType::GET_VALUES);
        app.send(values(&pairs)).await;
        let mut responses = Vec::new();
        for _ in 0..expected {
            responses.push(sender.ready().await.unwrap().call(get("/")));
            app.request().await;
        }
        assert_eq!(sender.call(get("/")).await.unwrap_err().kind(), ErrorKind::Closed, "{max_reqs:?}");
        app.send([with_id(2, stdout("\r\n")), with_id(2, end())].concat()).await;
        let response = sender.ready().await.unwrap().call(get("/"));
        assert_eq!(app.record_with_id().await.unwrap().0, 2, "its id is free again");
        drop(response);
    }
}

#[tokio::test(start_paused = true)]
async fn aborting_one_of_several_keeps_the_connection() {
    for begun in [false, true] {
        let (mut sender, _web_server, mut app, [first, second]) = several(kept(), ["/1", "/2"]).await;
        if begun {
            app.send(stdout("\r\nbegun")).await;
            drop(first.await.unwrap());
        } else {
            drop(first);
        }
        let (id, kind, _) = app.record_with_id().await.unwrap();
        assert_eq!((id, kind), (1, RecordType::ABORT_REQUEST));
        assert_eq!(
            sender.call(get("/3")).await.unwrap_err().kind(),
            ErrorKind::Closed,
            "not before END_REQUEST"
        );
        app.send([stdout("late"), end()].concat()).await;
        let third = sender.ready().await.unwrap().call(get("/3"));
        app.request().await;
        for (id, response) in [(1, third), (2, second)] {
            app.send([with_id(id, stdout("\r\nwhole")), with_id(id, end())].concat()).await;
            assert_eq!(text(response.await.unwrap().into_body()).await.unwrap(), "whole");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_abort_timeout_closes_after_the_others_end() {
    let limit = Duration::from_secs(7);
    let config = kept().with_abort_timeout(limit);
    let (mut sender, web_server, mut app, [first, second, third]) = several(config, ["/1", "/2", "/3"]).await;
    drop(first);
    let start = Instant::now();
    app.read_to(RecordType::ABORT_REQUEST).await;
    assert_eq!(sender.ready().await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(start.elapsed().as_secs(), limit.as_secs());
    sleep(Duration::from_secs(100)).await;
    app.send([with_id(2, stdout("\r\nsecond")), with_id(2, end())].concat()).await;
    assert_eq!(text(second.await.unwrap().into_body()).await.unwrap(), "second");
    assert!(!web_server.is_finished());
    let start = Instant::now();
    drop(third);
    web_server.await.unwrap().unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO, "no caller is left");
}

#[tokio::test(start_paused = true)]
async fn an_application_may_end_an_abort_by_closing() {
    let (_sender, web_server, mut app, [first, second]) = several(kept(), ["/1", "/2"]).await;
    app.send(stdout("\r\nbegun")).await;
    drop(first.await.unwrap());
    app.read_to(RecordType::ABORT_REQUEST).await;
    app.send([with_id(2, stdout("\r\nsecond")), with_id(2, end())].concat()).await;
    drop(app);
    assert_eq!(text(second.await.unwrap().into_body()).await.unwrap(), "second");
    web_server.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_fails_each_of_its_requests() {
    for violation in [false, true] {
        let (mut sender, web_server, mut app, [first, second, third]) =
            several(kept(), ["/1", "/2", "/3"]).await;
        app.send(
            [with_id(3, stdout("\r\nwhole")), with_id(3, end()), with_id(2, stdout("\r\nbegun"))].concat(),
        )
        .await;
        let second = second.await.unwrap().into_body();
        if violation {
            app.send(record(RecordType::STDIN, b"x")).await;
        } else {
            drop(app);
        }
        let errors = [first.await.unwrap_err(), text(second).await.unwrap_err()];
        for error in errors.iter().chain([&web_server.await.unwrap().unwrap_err()]) {
            assert!(
                error.is_incomplete() != violation && (error.kind() == ErrorKind::Protocol) == violation,
                "{error}"
            );
        }
        assert_eq!(text(third.await.unwrap().into_body()).await.unwrap(), "whole");
        assert_eq!(sender.ready().await.unwrap_err().kind(), ErrorKind::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_body_fails_only_its_request() {
    let (mut sender, _web_server, mut app, [first]) = several(kept(), ["/1"]).await;
    let (body, channel) = http_body_util::Channel::<Bytes, std::io::Error>::new(4);
    let second = sender.ready().await.unwrap().call(post("/2", channel.boxed_unsync()));
    body.abort(std::io::Error::other("it broke"));
    assert!(second.await.unwrap_err().is_request_body());
    app.read_to(RecordType::ABORT_REQUEST).await;
    app.send(complete_response("first")).await;
    assert_eq!(text(first.await.unwrap().into_body()).await.unwrap(), "first");
}

#[tokio::test(start_paused = true)]
async fn an_unread_response_is_aborted_and_others_go_on() {
    let limit = Duration::from_secs(9);
    let config = kept().with_connection_window(100_000).with_body_stall_timeout(limit);
    let (_sender, _web_server, mut app, [first, second]) = several(config, ["/1", "/2"]).await;
    app.send([stdout("\r\n"), with_id(2, stdout("\r\na"))].concat()).await;
    let (first, mut second) = (first.await.unwrap().into_body(), second.await.unwrap().into_body());
    assert_eq!(second.frame().await.unwrap().unwrap().into_data().unwrap(), "a");
    let start = Instant::now();
    app.send(stdout([b'x'; 60_000]).repeat(3)).await;
    app.send([with_id(2, stdout("b")), with_id(2, end())].concat()).await;
    assert_eq!(text(second).await.unwrap(), "b");
    assert_eq!(start.elapsed().as_secs(), limit.as_secs());
    assert_eq!(text(first).await.unwrap_err().kind(), ErrorKind::Stalled);
    let (id, kind, _) = app.record_with_id().await.unwrap();
    assert_eq!((id, kind), (1, RecordType::ABORT_REQUEST));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_kept_and_a_lone_one_is_untimed() {
    for others in [true, false] {
        let config = kept().with_request_window(100_000).with_connection_window(100_000);
        let (_sender, _web_server, mut app, [first, second]) = several(config, ["/1", "/2"]).await;
        if !others {
            app.send([with_id(2, stdout("\r\n")), with_id(2, end())].concat()).await;
            second.await.unwrap();
        } else {
            tokio::spawn(second);
        }
        let wire = [stdout("\r\n"), stdout([b'x'; 60_000]).repeat(8), end()].concat();
        let sent = tokio::spawn(async move {
            app.send(wire).await;
            app
        });
        let mut body = first.await.unwrap().into_body();
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            bytes += frame.unwrap().into_data().unwrap().len();
            // Each wait is shorter than the timeout; their sum is longer.
            sleep(Duration::from_secs(if others { 4 } else { 60 })).await;
        }
        assert_eq!(bytes, 480_000);
        sent.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn bodies_go_out_in_turn_a_record_of_each() {
    let (mut sender, _web_server, mut app, []) = several(kept(), []).await;
    sleep(Duration::from_millis(1)).await;
    let bodies = [3 << 20, 3 << 20, 100_000].map(|len| full(vec![7; len]));
    let mut responses = Vec::new();
    for body in bodies {
        responses.push(sender.ready().await.unwrap().call(post("/", body)));
    }
    let (mut sent, mut ends) = ([0; 3], Vec::new());
    while ends.len() < 3 {
        let (id, kind, content) = app.record_with_id().await.unwrap();
        if kind != RecordType::STDIN {
            continue;
        }
        sent[usize::from(id) - 1] += content.len();
        if content.is_empty() {
            ends.push(id);
        }
        if ends.is_empty() {
            // The first one's share includes what was in the pipe before the others came.
            assert!(
                sent[0].abs_diff(sent[1]) <= 2 << 20 && sent[2] + 131_072 >= sent[1].min(100_000),
                "{sent:?}"
            );
        }
    }
    assert_eq!(sent, [3 << 20, 3 << 20, 100_000]);
    assert_eq!(ends[0], 3, "a small body does not wait for large ones");
}

#[tokio::test(start_paused = true)]
async fn cant_mpx_conn_falls_back_to_one_at_a_time() {
    let (mut sender, _web_server, mut app, [first, second]) = several(kept(), ["/1", "/2"]).await;
    app.send(with_id(2, end_with(ProtocolStatus::CANT_MPX_CONN))).await;
    assert_eq!(second.await.unwrap_err().protocol_status(), Some(ProtocolStatus::CANT_MPX_CONN));
    assert_eq!(sender.call(get("/3")).await.unwrap_err().kind(), ErrorKind::Closed);
    app.send(complete_response("first")).await;
    assert_eq!(text(first.await.unwrap().into_body()).await.unwrap(), "first");
    sender.ready().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_ready_call_survives_a_pause() {
    let (mut sender, _web_server, mut app, [first, second]) = several(kept(), ["/1", "/2"]).await;
    sender.ready().await.unwrap();
    drop(first);
    app.read_to(RecordType::ABORT_REQUEST).await;
    // The connection is paused, and keeps the room for this one.
    timeout(Duration::ZERO, sender.ready()).await.unwrap().unwrap();
    let third = sender.call(get("/3"));
    assert!(timeout(Duration::from_millis(1), app.record()).await.is_err(), "nothing is sent");
    app.send(end()).await;
    assert_eq!(app.record_with_id().await.unwrap().0, 1);
    app.request().await;
    for (id, response, body) in [(2, second, "second"), (1, third, "third")] {
        app.send([with_id(id, stdout(format!("\r\n{body}"))), with_id(id, end())].concat()).await;
        assert_eq!(text(response.await.unwrap().into_body()).await.unwrap(), body);
    }
}

#[tokio::test(start_paused = true)]
async fn a_ready_call_survives_a_full_buffer() {
    let config = kept().with_request_window(1).with_connection_window(1);
    let (mut sender, _web_server, mut app, [first, second]) = several(config, ["/1", "/2"]).await;
    sender.ready().await.unwrap();
    app.send(stdout("\r\n")).await;
    let first = first.await.unwrap();
    app.send(stdout("first")).await;
    sleep(Duration::from_millis(1)).await;
    let third = sender.call(get("/3"));
    app.request().await;
    app.send([end(), with_id(2, stdout("\r\nsecond")), with_id(2, end())].concat()).await;
    assert_eq!(text(first.into_body()).await.unwrap(), "first");
    assert_eq!(text(second.await.unwrap().into_body()).await.unwrap(), "second");
    app.send([with_id(3, stdout("\r\nthird")), with_id(3, end())].concat()).await;
    assert_eq!(text(third.await.unwrap().into_body()).await.unwrap(), "third");
}

#[tokio::test(start_paused = true)]
async fn a_ready_call_is_unsent_if_the_connection_ends() {
    // The call comes before or after the connection is paused.
    for called_first in [false, true] {
        let (mut sender, _web_server, mut app, [first, second]) = several(kept(), ["/1", "/2"]).await;
        sender.ready().await.unwrap();
        drop(first);
        app.read_to(RecordType::ABORT_REQUEST).await;
        let third = called_first.then(|| sender.call(get("/3")));
        app.send([with_id(2, stdout("\r\nsecond")), with_id(2, end())].concat()).await;
        assert_eq!(text(second.await.unwrap().into_body()).await.unwrap(), "second");
        // The application does not end the aborted request.
        assert_eq!(app.record().await, None, "nothing more is sent");
        if !called_first {
            assert_eq!(sender.ready().await.unwrap_err().kind(), ErrorKind::Closed);
        }
        let third = third.unwrap_or_else(|| sender.call(get("/3")));
        assert_eq!(third.await.unwrap_err().kind(), ErrorKind::Closed);
    }
}
