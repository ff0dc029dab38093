//! Filters: DATA, the second body. No known web server sends it, so the records are written by hand.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use fcgi_core::RecordType;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tower_fcgi::{
    BodyError, BodyErrorKind, Builder, Config, ErrorKind, FilterData, Limits, RequestBody, Role, Roles,
};

use crate::handlers::{full, handler, read};
use crate::records::{KEEP, abort, begin_as, end_stdin, get, params, record, stdin};
use crate::web_server::{WebServer, serve_with};

/// A request to a Filter, up to the end of its PARAMS.
fn head(id: u16, length: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut pairs = vec![("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/"), ("FCGI_DATA_LENGTH", length)];
    pairs.extend(more);
    [begin_as(Role::FILTER, id, KEEP), params(id, &pairs)].concat()
}

fn data(id: u16, content: &[u8]) -> Vec<u8> {
    content.chunks(32 * 1024).flat_map(|chunk| record(RecordType::DATA, id, chunk)).collect()
}

fn end_data(id: u16) -> Vec<u8> {
    record(RecordType::DATA, id, b"")
}

/// A complete request without a body.
fn whole(length: &str, file: &[u8]) -> Vec<u8> {
    [head(1, length, &[]), end_stdin(1), data(1, file), end_data(1)].concat()
}

fn filters() -> Builder {
    Builder::new().with_roles(Roles::RESPONDER.and(Roles::FILTER))
}

fn limits(bytes: usize) -> Builder {
    let mut limits = Limits::default();
    limits.request_window = bytes;
    filters().with_config(Config::default().with_limits(limits))
}

/// Answers with the body and the file, in this order, or with the error of either.
fn both(builder: Builder) -> WebServer {
    serve_with(
        builder,
        handler(async |request| {
            let Some(file) = request.extensions().get::<FilterData>().cloned() else {
                return full("no file");
            };
            let body = match read(request.into_body()).await {
                Ok(body) => body,
                Err(error) => return full(format!("body: {error:?}")),
            };
            match read(file.take().unwrap()).await {
                Ok(file) => full([&body[..], b"|", &file].concat()),
                Err(error) => full(format!("file: {error:?}")),
            }
        }),
    )
}

type Held = Arc<Mutex<Vec<(RequestBody, FilterData)>>>;

/// Gives body and file to the test; the handler never answers.
fn hand_out(builder: Builder) -> (WebServer, Held) {
    let held = Held::default();
    let out = Arc::clone(&held);
    let web_server = serve_with(
        builder,
        handler(move |request| {
            let file = request.extensions().get::<FilterData>().unwrap().clone();
            out.lock().unwrap().push((request.into_body(), file));
            std::future::pending()
        }),
    );
    (web_server, held)
}

async fn next(body: &mut RequestBody) -> Option<Result<Bytes, BodyError>> {
    body.frame().await.map(|frame| frame.map(|frame| frame.into_data().unwrap()))
}

#[tokio::test(start_paused = true)]
async fn the_file_follows_the_body_in_any_chunking() {
    let request = [
        head(1, "4", &[("CONTENT_LENGTH", "4")]),
        stdin(1, b"body"),
        end_stdin(1),
        data(1, b"fi"),
        data(1, b"le"),
        end_data(1),
    ]
    .concat();
    for size in [1, 7, 8, 9, 40, request.len()] {
        let web_server = both(filters());
        for piece in request.chunks(size) {
            web_server.say(piece.to_vec()).await;
        }
        assert_eq!(web_server.answer(1).text(), "body|file");
        assert_eq!(web_server.ask(1, request.clone()).await.text(), "body|file", "the connection continues");
    }
}

#[tokio::test(start_paused = true)]
async fn other_roles_have_no_file() {
    let web_server = both(filters());
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "no file");
}

#[tokio::test(start_paused = true)]
async fn a_file_of_another_length_is_an_error() {
    for (told, sent, kind) in [("5", "file", "TooShort"), ("3", "file", "TooLong"), ("1", "", "TooShort")] {
        for at_once in [true, false] {
            let web_server = both(filters());
            let first = [head(1, told, &[]), end_stdin(1)].concat();
            let then = [data(1, sent.as_bytes()), end_data(1)].concat();
            if at_once {
                web_server.say([first, then].concat()).await;
            } else {
                web_server.say(first).await;
                web_server.say(then).await;
            }
            let answer = web_server.answer(1);
            assert!(answer.text().starts_with("file: ") && answer.text().contains(kind), "{answer:?}");
        }
    }
    assert_eq!(both(filters()).ask(1, whole("0", b"")).await.text(), "|");
}

#[tokio::test(start_paused = true)]
async fn a_file_without_a_length_is_refused() {
    for length in ["", "-1", "4 bytes"] {
        let web_server = both(filters());
        let answer = web_server.ask(1, whole(length, b"file")).await;
        assert!(answer.stdout.starts_with(b"Status: 400 "), "{answer:?}");
        assert_eq!(answer.errors(), "");
        assert_eq!(web_server.ask(1, whole("4", b"file")).await.text(), "|file", "the connection continues");
    }
}

#[tokio::test(start_paused = true)]
async fn filter_data_has_length_time_and_size_hint() {
    let (web_server, held) = hand_out(filters());
    web_server.say([head(1, "4", &[("FCGI_DATA_LAST_MOD", "1000")]), end_stdin(1)].concat()).await;
    let (_body, file) = held.lock().unwrap().pop().unwrap();
    assert_eq!(file.length(), 4);
    assert_eq!(file.last_modified(), Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1000)));
    let mut stream = file.take().unwrap();
    assert_eq!((stream.size_hint().exact(), stream.is_end_stream()), (Some(4), false));
    web_server.say(data(1, b"fi")).await;
    assert_eq!(next(&mut stream).await.unwrap().unwrap(), "fi");
    assert_eq!(stream.size_hint().exact(), Some(2));
    web_server.say([data(1, b"le"), end_data(1)].concat()).await;
    assert_eq!(next(&mut stream).await.unwrap().unwrap(), "le");
    assert!(next(&mut stream).await.is_none());
}

/// How the file's stream ends when this happens in its middle, or before its begin.
async fn error_after(event: impl AsyncFn(&mut WebServer), begun: bool) -> BodyError {
    let (mut web_server, held) = hand_out(filters());
    web_server.say(head(1, "8", &[])).await;
    if begun {
        web_server.say([end_stdin(1), data(1, b"file")].concat()).await;
    }
    let (_body, file) = held.lock().unwrap().pop().unwrap();
    event(&mut web_server).await;
    read(file.take().unwrap()).await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn abort_or_disconnect_fails_the_file() {
    for begun in [true, false] {
        let aborted = async |web_server: &mut WebServer| web_server.say(abort(1)).await;
        assert_eq!(error_after(aborted, begun).await.kind(), BodyErrorKind::Aborted);
        let ended = async |web_server: &mut WebServer| {
            web_server.end();
            assert_eq!(web_server.ended().await.unwrap_err().kind(), ErrorKind::Canceled);
        };
        assert_eq!(error_after(ended, begun).await.kind(), BodyErrorKind::Disconnected);
        let dropped = async |web_server: &mut WebServer| web_server.drop_connection().await;
        assert_eq!(error_after(dropped, begun).await.kind(), BodyErrorKind::Disconnected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_half_close_fails_an_unfinished_file() {
    let web_server = both(filters().with_config(Config::default().with_half_close(true)));
    web_server.say([head(1, "8", &[]), end_stdin(1), data(1, b"file")].concat()).await;
    web_server.end();
    web_server.quiet().await;
    assert!(web_server.answer(1).text().contains("Disconnected"));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_outlives_its_request_is_an_error() {
    let kept: Arc<Mutex<Option<RequestBody>>> = Arc::default();
    let out = Arc::clone(&kept);
    let web_server = serve_with(
        filters(),
        handler(move |request| {
            *out.lock().unwrap() = request.extensions().get::<FilterData>().and_then(FilterData::take);
            async { full("early") }
        }),
    );
    web_server.say([head(1, "8", &[]), end_stdin(1)].concat()).await;
    assert_eq!(web_server.answer(1).text(), "early");
    let stream = kept.lock().unwrap().take().unwrap();
    assert_eq!(read(stream).await.unwrap_err().kind(), BodyErrorKind::RequestEnded);
    // The rest of it is discarded.
    web_server.say([data(1, b"late"), end_data(1)].concat()).await;
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "early");
}

#[tokio::test(start_paused = true)]
async fn an_unread_file_pauses_the_input_until_it_is_read() {
    let file = vec![7; 1 << 20];
    let (web_server, held) = hand_out(limits(100_000));
    web_server.say([head(1, &file.len().to_string(), &[]), end_stdin(1)].concat()).await;
    web_server.send_in_packets([data(1, &file), end_data(1)].concat(), 10_000);
    web_server.quiet().await;
    let taken = web_server.taken();
    assert!((100_000..180_000).contains(&taken), "{taken}");
    let (_body, data) = held.lock().unwrap().pop().unwrap();
    assert!(read(data.take().unwrap()).await.unwrap() == file);
}

#[tokio::test(start_paused = true)]
async fn a_body_dropped_unread_does_not_block_the_file() {
    let large = vec![7; 1 << 20];
    let length = large.len().to_string();
    // Also with a CONTENT_LENGTH of 0 and a body all the same, and with everything in one packet.
    for (content_length, packet) in [(&length[..], 10_000), ("0", 10_000), (&length, 4 << 20)] {
        let web_server = serve_with(
            limits(100_000),
            handler(async |request| {
                let file = request.extensions().get::<FilterData>().unwrap().take().unwrap();
                drop(request);
                full(read(file).await.unwrap().len().to_string())
            }),
        );
        web_server.send(head(1, &length, &[("CONTENT_LENGTH", content_length)]));
        let rest = [stdin(1, &large), end_stdin(1), data(1, &large), end_data(1)].concat();
        web_server.send_in_packets(rest, packet);
        web_server.quiet().await;
        assert_eq!(web_server.answer(1).text(), length);
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_a_body_resumes_input_for_the_file() {
    let large = vec![7; 1 << 20];
    let (web_server, held) = hand_out(limits(100_000));
    web_server.say(head(1, &large.len().to_string(), &[])).await;
    web_server
        .send_in_packets([stdin(1, &large), end_stdin(1), data(1, &large), end_data(1)].concat(), 10_000);
    web_server.quiet().await;
    let taken = web_server.taken();
    assert!(taken < 180_000, "{taken}");
    let (body, file) = held.lock().unwrap().pop().unwrap();
    drop(body);
    assert!(read(file.take().unwrap()).await.unwrap() == large);
}

#[tokio::test(start_paused = true)]
async fn body_and_file_are_read_in_turn_within_the_window() {
    let large = vec![b'x'; 1 << 19];
    let web_server = both(limits(50_000));
    web_server.send(head(1, &large.len().to_string(), &[]));
    web_server
        .send_in_packets([stdin(1, &large), end_stdin(1), data(1, &large), end_data(1)].concat(), 5_000);
    web_server.quiet().await;
    assert_eq!(web_server.answer(1).text().len(), 2 * large.len() + 1);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_dropped_unread_holds_nothing_up() {
    let (web_server, held) = hand_out(limits(100_000));
    let large = vec![7; 1 << 20];
    web_server.say([head(1, &large.len().to_string(), &[]), end_stdin(1)].concat()).await;
    held.lock().unwrap().clear();
    web_server.send_in_packets([data(1, &large), end_data(1)].concat(), 10_000);
    web_server.quiet().await;
    let taken = web_server.taken();
    assert!(taken > 1 << 20, "{taken}");
}

#[tokio::test(start_paused = true)]
async fn several_filters_share_a_connection() {
    let web_server = both(filters());
    for id in 1..=4 {
        web_server.say(head(id, "4", &[])).await;
    }
    for id in (1..=4).rev() {
        web_server.say([stdin(id, b"b"), end_stdin(id), data(id, b"fi")].concat()).await;
    }
    for id in 1..=4 {
        web_server.say([data(id, b"le"), end_data(id)].concat()).await;
        assert_eq!(web_server.answer(id).text(), "b|file");
    }
}
