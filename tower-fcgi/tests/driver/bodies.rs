//! RequestBody: STDIN for a handler.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tower_fcgi::{BodyError, BodyErrorKind, ErrorKind, RequestBody};

use crate::handlers::{Gate, echo, full, handler, read};
use crate::records::{KEEP, abort, end_stdin, get, head, post, post_whole, stdin};
use crate::web_server::{WebServer, serve};

/// Gives each request's body to the test; the handler waits for the gate and answers.
fn hand_out() -> (WebServer, Arc<Mutex<Vec<RequestBody>>>, Gate) {
    let bodies: Arc<Mutex<Vec<RequestBody>>> = Arc::default();
    let gate = Gate::new();
    let (out, held) = (Arc::clone(&bodies), gate.clone());
    let web_server = serve(handler(move |request| {
        let gate = held.clone();
        out.lock().unwrap().push(request.into_body());
        async move {
            gate.pass().await;
            full("done")
        }
    }));
    (web_server, bodies, gate)
}

async fn next(body: &mut RequestBody) -> Option<Result<Bytes, BodyError>> {
    body.frame().await.map(|frame| frame.map(|frame| frame.into_data().unwrap()))
}

#[tokio::test(start_paused = true)]
async fn size_hint_is_exact_with_a_length_and_counts_down() {
    let (web_server, bodies, _gate) = hand_out();
    web_server.say([post(1, KEEP, "/", 10), stdin(1, b"abcd")].concat()).await;
    let mut body = bodies.lock().unwrap().pop().unwrap();
    assert_eq!(body.size_hint().exact(), Some(10));
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "abcd");
    assert_eq!(body.size_hint().exact(), Some(6));
    assert!(!body.is_end_stream());
    web_server.say([stdin(1, b"efghij"), end_stdin(1)].concat()).await;
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "efghij");
    assert!(next(&mut body).await.is_none());
    assert!(body.is_end_stream());
    assert_eq!(body.size_hint().exact(), Some(0));
    assert!(next(&mut body).await.is_none(), "also when polled again");
}

#[tokio::test(start_paused = true)]
async fn size_hint_without_a_length_is_exact_once_received() {
    let (web_server, bodies, _gate) = hand_out();
    web_server.say([head(1, KEEP, "PUT", "/", &[]), stdin(1, b"abcd")].concat()).await;
    let body = bodies.lock().unwrap().pop().unwrap();
    assert_eq!((body.size_hint().lower(), body.size_hint().upper()), (0, None));
    let whole = [head(2, KEEP, "PUT", "/", &[]), stdin(2, b"abcd"), end_stdin(2)].concat();
    web_server.say(whole).await;
    let body = bodies.lock().unwrap().pop().unwrap();
    assert_eq!(body.size_hint().exact(), Some(4));
}

#[tokio::test(start_paused = true)]
async fn a_request_of_http_1_without_a_length_has_no_body() {
    // The record that ends STDIN comes at once, later, or never.
    for (end_at_once, end_later) in [(true, false), (false, true), (false, false)] {
        for (protocol, more, known) in [
            ("HTTP/1.1", None, true),
            ("HTTP/1.0", Some(("CONTENT_LENGTH", "")), true),
            ("HTTP/1.1", Some(("CONTENT_LENGTH", "-1")), end_at_once),
            ("HTTP/1.1", Some(("HTTP_TRANSFER_ENCODING", "chunked")), end_at_once),
            // nginx has sent bodies of HTTP/2 without any sign.
            ("HTTP/2.0", None, end_at_once),
        ] {
            let (web_server, bodies, _gate) = hand_out();
            let pairs: Vec<_> = [("SERVER_PROTOCOL", protocol)].into_iter().chain(more).collect();
            let mut request = head(1, KEEP, "DELETE", "/", &pairs);
            if end_at_once {
                request.extend(end_stdin(1));
            }
            web_server.say(request).await;
            let body = bodies.lock().unwrap().pop().unwrap();
            let exact = known.then_some(0);
            assert_eq!((body.size_hint().exact(), body.is_end_stream()), (exact, known), "{pairs:?}");
            assert_eq!(body.has_ended(), end_at_once);
            if end_later {
                web_server.say(end_stdin(1)).await;
                assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(0), true), "{pairs:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_was_not_announced_is_not_lost() {
    let (web_server, bodies, _gate) = hand_out();
    web_server.say(head(1, KEEP, "POST", "/", &[])).await;
    let mut body = bodies.lock().unwrap().pop().unwrap();
    assert_eq!(body.size_hint().exact(), Some(0));
    web_server.say(stdin(1, b"abc")).await;
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (None, false));
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "abc");
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (None, false));
    web_server.say([stdin(1, b"de"), end_stdin(1)].concat()).await;
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(2), false));
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "de");
    assert!(next(&mut body).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_absent_body_is_at_its_end_from_the_start() {
    let (web_server, bodies, _gate) = hand_out();
    web_server.say(get(1, KEEP, "/")).await;
    web_server.say(head(2, KEEP, "POST", "/", &[("CONTENT_LENGTH", "0")])).await;
    assert_eq!(bodies.lock().unwrap().len(), 2);
    assert!(
        bodies.lock().unwrap().iter().all(|body| body.is_end_stream() && body.size_hint().exact() == Some(0))
    );
}

/// Reads the body of a request with this CONTENT_LENGTH, sent in these packets.
async fn body_of(length: &str, packets: &[Vec<u8>]) -> Result<Bytes, BodyError> {
    let (web_server, bodies, _gate) = hand_out();
    let mut packets = packets.iter().cloned();
    let request = head(1, KEEP, "POST", "/", &[("CONTENT_LENGTH", length)]);
    web_server.say([request, packets.next().unwrap()].concat()).await;
    for packet in packets {
        web_server.say(packet).await;
    }
    let body = bodies.lock().unwrap().pop().unwrap();
    read(body).await
}

#[tokio::test(start_paused = true)]
async fn a_body_short_of_its_length_is_an_error() {
    let all = [stdin(1, b"abc"), end_stdin(1)].concat();
    assert_eq!(body_of("4", std::slice::from_ref(&all)).await.unwrap_err().kind(), BodyErrorKind::TooShort);
    for at in [1, 9, all.len() - 1] {
        let packets = [all[..at].to_vec(), all[at..].to_vec()];
        assert_eq!(body_of("4", &packets).await.unwrap_err().kind(), BodyErrorKind::TooShort);
    }
    assert_eq!(body_of("4", &[end_stdin(1)]).await.unwrap_err().kind(), BodyErrorKind::TooShort);
}

#[tokio::test(start_paused = true)]
async fn a_body_longer_than_its_content_length_is_an_error() {
    let all = [stdin(1, b"abc"), stdin(1, b"de"), end_stdin(1)].concat();
    assert_eq!(body_of("4", std::slice::from_ref(&all)).await.unwrap_err().kind(), BodyErrorKind::TooLong);
    assert_eq!(
        body_of("4", &[all[..16].to_vec(), all[16..].to_vec()]).await.unwrap_err().kind(),
        BodyErrorKind::TooLong
    );
    assert_eq!(body_of("0", &[all]).await.unwrap_err().kind(), BodyErrorKind::TooLong);
}

#[tokio::test(start_paused = true)]
async fn a_body_without_a_length_ends_on_the_empty_record() {
    for length in ["", "-1", "chunked"] {
        let packets = [stdin(1, b"abc"), stdin(1, b"de"), [stdin(1, b"f"), end_stdin(1)].concat()];
        assert_eq!(body_of(length, &packets).await.unwrap(), "abcdef");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_aborted_is_an_error() {
    let error = body_of("4", &[stdin(1, b"abc"), abort(1)]).await.unwrap_err();
    assert_eq!(error.kind(), BodyErrorKind::Aborted, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_body_whose_connection_is_lost_is_an_error() {
    for spawned in [false, true] {
        for by_reset in [false, true] {
            let (mut web_server, bodies, _gate) = hand_out();
            if spawned {
                web_server.say(get(2, KEEP, "/")).await;
            }
            web_server.say([post(1, KEEP, "/", 4), stdin(1, b"abc")].concat()).await;
            let body = bodies.lock().unwrap().pop().unwrap();
            if by_reset {
                web_server.reset()
            } else {
                web_server.end()
            }
            assert!(web_server.ended().await.is_err());
            assert_eq!(read(body).await.unwrap_err().kind(), BodyErrorKind::Disconnected);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_of_an_aborted_connection_is_an_error() {
    for killed in [true, false] {
        let (mut web_server, bodies, _gate) = hand_out();
        for id in [1, 2] {
            web_server.say([post(id, KEEP, "/", 4), stdin(id, b"abc")].concat()).await;
        }
        if killed {
            web_server.handle.abort();
            assert_eq!(web_server.ended().await.unwrap_err().kind(), ErrorKind::Aborted);
        } else {
            web_server.drop_connection().await;
        }
        let bodies = std::mem::take(&mut *bodies.lock().unwrap());
        for body in bodies {
            let read = tokio::time::timeout(std::time::Duration::from_secs(1), read(body)).await;
            let read = read.unwrap_or_else(|_| panic!("the body hangs (killed: {killed})"));
            assert_eq!(read.unwrap_err().kind(), BodyErrorKind::Disconnected);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_outlives_its_request_is_an_error() {
    for spawned in [false, true] {
        let (web_server, bodies, gate) = hand_out();
        if spawned {
            web_server.say(get(2, KEEP, "/")).await;
        }
        web_server.say([post(1, KEEP, "/", 6), stdin(1, b"abc")].concat()).await;
        let body = bodies.lock().unwrap().pop().unwrap();
        let reading = tokio::spawn(read(body));
        gate.open(2);
        web_server.quiet().await;
        assert_eq!(web_server.answer(1).text(), "done");
        assert_eq!(reading.await.unwrap().unwrap_err().kind(), BodyErrorKind::RequestEnded);
    }
}

#[tokio::test(start_paused = true)]
async fn a_complete_body_can_be_read_after_its_request() {
    let (web_server, bodies, gate) = hand_out();
    web_server.say(post(1, KEEP, "/", 3)).await;
    web_server.say([stdin(1, b"abc"), end_stdin(1)].concat()).await;
    gate.open(1);
    web_server.quiet().await;
    let body = bodies.lock().unwrap().pop().unwrap();
    assert_eq!(read(body).await.unwrap(), "abc");
}

#[tokio::test(start_paused = true)]
async fn a_body_in_spawn_blocking_fails_after_its_request() {
    let (out, read_there) = tokio::sync::oneshot::channel();
    let out = Arc::new(Mutex::new(Some(out)));
    let web_server = serve(handler(move |request| {
        let out = out.lock().unwrap().take().unwrap();
        tokio::task::spawn_blocking(move || {
            let _ = out.send(tokio::runtime::Handle::current().block_on(read(request.into_body())));
        });
        async { full("done") }
    }));
    web_server.say([post(1, KEEP, "/", 6), stdin(1, b"abc")].concat()).await;
    assert_eq!(read_there.await.unwrap().unwrap_err().kind(), BodyErrorKind::RequestEnded);
    assert_eq!(web_server.answer(1).text(), "done");
}

#[tokio::test(start_paused = true)]
async fn a_body_dropped_unread_lets_the_connection_read_on() {
    for read_some in [false, true] {
        let (web_server, bodies, gate) = hand_out();
        let length = 5 << 20;
        web_server.say([post(1, KEEP, "/", length), stdin(1, &[0; 1000])].concat()).await;
        let mut body = bodies.lock().unwrap().pop().unwrap();
        if read_some {
            next(&mut body).await.unwrap().unwrap();
        }
        drop(body);
        let rest = [stdin(1, &vec![0; length - 1000]), end_stdin(1)].concat();
        let all = web_server.taken() + rest.len();
        web_server.send_in_packets(rest, 10_000);
        web_server.quiet().await;
        assert_eq!(web_server.taken(), all);
        gate.open(1);
        web_server.quiet().await;
        assert_eq!(web_server.answer(1).text(), "done");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_over_its_length_still_lets_an_abort_through() {
    for dropped in [true, false] {
        let (web_server, bodies, _gate) = hand_out();
        web_server.say([post(1, KEEP, "/", 2), stdin(1, b"abc")].concat()).await;
        let mut body = bodies.lock().unwrap().pop().unwrap();
        assert_eq!(next(&mut body).await.unwrap().unwrap_err().kind(), BodyErrorKind::TooLong);
        let _kept = if dropped { None } else { Some(body) };
        let rest = [stdin(1, &vec![0; 1 << 20]), end_stdin(1), abort(1)].concat();
        let all = web_server.taken() + rest.len();
        web_server.send_in_packets(rest, 10_000);
        web_server.quiet().await;
        assert_eq!(web_server.taken(), all, "dropped: {dropped}");
        assert!(web_server.answer(1).stdout.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn stdin_of_id_0_is_an_error_and_unknown_ids_no_body() {
    let mut web_server = serve(handler(echo));
    web_server.say([post(1, KEEP, "/", 3), stdin(2, b"xyz"), end_stdin(2)].concat()).await;
    assert_eq!(web_server.ask(1, [stdin(1, b"abc"), end_stdin(1)].concat()).await.text(), "POST / abc");
    web_server.send(stdin(0, b"abc"));
    assert_eq!(web_server.ended().await.unwrap_err().kind(), ErrorKind::Protocol);
}

#[tokio::test(start_paused = true)]
async fn max_size_records_with_any_padding_give_one_body() {
    let web_server = serve(handler(|request| async { full(read(request.into_body()).await.unwrap()) }));
    let content: Vec<u8> = (0..=250).cycle().take(65_535).collect();
    for padding_len in [0, 1, 7, 8, 255] {
        let header = fcgi_core::RecordHeader {
            kind: fcgi_core::RecordType::STDIN,
            id: fcgi_core::RequestId(1),
            content_len: 65_535,
            padding_len,
        };
        let record = [&header.encode()[..], &content, &vec![9; padding_len.into()]].concat();
        let request = [post(1, KEEP, "/", 2 * 65_535), record.repeat(2), end_stdin(1)].concat();
        assert!(web_server.ask(1, request).await.body() == content.repeat(2), "{padding_len}");
    }
    assert_eq!(web_server.ask(1, post_whole(1, KEEP, "/", b"x")).await.text(), "x");
}
