//! The web server disconnects.

use tower_fcgi::{BodyErrorKind, Config, ErrorKind};

use crate::handlers::{Count, Gate, echo, full, handler, read};
use crate::records::{CLOSE, KEEP, begin, end_stdin, get, head, post, some_params, stdin};
use crate::web_server::{WebServer, serve, serve_with};
use crate::wire::Failure;

#[tokio::test(start_paused = true)]
async fn eof_between_requests_is_a_clean_close() {
    let mut web_server = serve(handler(echo));
    web_server.end();
    assert!(web_server.ended().await.is_ok(), "before a request");

    let mut web_server = serve(handler(echo));
    web_server.ask(1, get(1, KEEP, "/")).await;
    web_server.end();
    assert!(web_server.ended().await.is_ok(), "after a request");

    let mut web_server = serve(handler(echo));
    web_server.send(get(1, KEEP, "/"));
    web_server.end();
    assert!(web_server.ended().await.is_ok(), "directly after a request");
    assert_eq!(web_server.answer(1).text(), "GET / ");
}

#[tokio::test(start_paused = true)]
async fn eof_inside_a_record_or_params_is_an_error() {
    let request = [begin(1, KEEP), some_params(1, &[("REQUEST_METHOD", "GET")])].concat();
    for at in 1..=request.len() {
        let mut web_server = serve(handler(echo));
        web_server.send(request[..at].to_vec());
        web_server.end();
        let error = web_server.ended().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Truncated, "after {at} bytes: {error}");
        assert!(web_server.wire.lock().output.is_empty());
    }
}

/// A handler that waits forever; counts the dropped ones.
async fn waiting(config: Config, request: Vec<u8>) -> (WebServer, Count) {
    let dropped = Count::default();
    let count = dropped.clone();
    let waiting = handler(move |_| {
        let guard = count.on_drop();
        async move {
            let _guard = guard;
            std::future::pending().await
        }
    });
    let web_server = serve_with(config, waiting);
    web_server.say(request).await;
    assert_eq!(dropped.now(), 0);
    (web_server, dropped)
}

#[tokio::test(start_paused = true)]
async fn a_close_mid_request_cancels_the_handler() {
    for request in [get(1, KEEP, "/"), get(1, CLOSE, "/"), post(1, CLOSE, "/", 10)] {
        let (mut web_server, dropped) = waiting(Config::default(), request).await;
        web_server.end();
        let error = web_server.ended().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Canceled, "{error}");
        assert_eq!(dropped.now(), 1);
        assert!(web_server.wire.lock().output.is_empty(), "the web server is gone");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_drops_the_handlers_of_all_requests() {
    let requests = [get(1, KEEP, "/"), get(2, KEEP, "/"), get(3, KEEP, "/")].concat();
    let (mut web_server, dropped) = waiting(Config::default(), requests).await;
    web_server.reset();
    let error = web_server.ended().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    web_server.quiet().await;
    assert_eq!(dropped.now(), 3);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_connection_drops_all_handlers() {
    let requests = [get(1, KEEP, "/"), get(2, KEEP, "/"), get(3, KEEP, "/")].concat();
    let (mut web_server, dropped) = waiting(Config::default(), requests).await;
    web_server.drop_connection().await;
    web_server.quiet().await;
    assert_eq!(dropped.now(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_peer_lost_during_a_write_cancels_its_handlers() {
    let (mut web_server, dropped) = waiting(Config::default(), get(1, KEEP, "/")).await;
    web_server.wire.lock().failure = Some(Failure::BrokenPipe);
    web_server.send(crate::records::get_values(&["FCGI_MAX_CONNS"]));
    let error = web_server.ended().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert_eq!(dropped.now(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_zero_length_write_is_an_error_and_no_loop() {
    let mut web_server = serve(handler(echo));
    web_server.wire.lock().failure = Some(Failure::Zero);
    web_server.send(get(1, KEEP, "/"));
    let error = web_server.ended().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_half_closed_request_is_served_if_allowed() {
    for keep in [KEEP, CLOSE] {
        let gate = Gate::new();
        let held = gate.clone();
        let slow = handler(move |_| {
            let gate = held.clone();
            async move {
                gate.pass().await;
                full("after all")
            }
        });
        let mut web_server = serve_with(Config::default().with_half_close(true), slow);
        web_server.send([get(1, keep, "/"), get(2, keep, "/")].concat());
        web_server.end();
        web_server.quiet().await;
        assert!(!web_server.is_closed());
        gate.open(2);
        assert!(web_server.ended().await.is_ok());
        assert_eq!(web_server.answer(1).text(), "after all");
        assert_eq!(web_server.answer(2).text(), "after all");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_truncated_by_a_half_close_is_an_error() {
    let reads = handler(|request| async {
        let error = read(request.into_body()).await.unwrap_err();
        assert_eq!(error.kind(), BodyErrorKind::Disconnected, "{error}");
        full("I know")
    });
    let mut web_server = serve_with(Config::default().with_half_close(true), reads);
    let bodies = [post(1, CLOSE, "/", 10), stdin(1, b"abc"), post(2, CLOSE, "/", 10), stdin(2, b"abc")];
    web_server.send(bodies.concat());
    web_server.end();
    assert!(web_server.ended().await.is_ok());
    assert_eq!(web_server.answer(1).text(), "I know");
    assert_eq!(web_server.answer(2).text(), "I know");
}

#[tokio::test(start_paused = true)]
async fn a_response_completes_after_an_idle_half_close() {
    let mut web_server = serve(handler(|_| async { full(vec![b'x'; 200_000]) }));
    web_server.wire.make_room(1000);
    web_server.send([head(1, KEEP, "GET", "/", &[]), end_stdin(1)].concat());
    web_server.quiet().await;
    // The whole response waits to be written, so the handler is done.
    web_server.end();
    web_server.quiet().await;
    web_server.wire.make_room(usize::MAX);
    assert!(web_server.ended().await.is_ok());
    assert_eq!(web_server.answer(1).body().len(), 200_000);
}
