//! A connection with several requests.

use tower_fcgi::{Config, Params};

use crate::handlers::{echo, full, handler};
use crate::records::{CLOSE, KEEP, begin, end_stdin, get, head, params, post_whole};
use crate::web_server::{serve, serve_with};

#[tokio::test(start_paused = true)]
async fn keep_conn_of_the_last_request_decides() {
    let mut web_server = serve(handler(echo));
    assert_eq!(web_server.ask(1, get(1, KEEP, "/1")).await.text(), "GET /1 ");
    assert!(!web_server.sees_end());
    assert_eq!(web_server.ask(1, get(1, KEEP, "/2")).await.text(), "GET /2 ");
    assert!(!web_server.sees_end());
    assert_eq!(web_server.ask(1, get(1, CLOSE, "/3")).await.text(), "GET /3 ");
    assert!(web_server.sees_end());
    web_server.end();
    assert!(web_server.ended().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn nothing_of_one_request_is_seen_in_the_next() {
    let seen = handler(|request| async move {
        let params = request.extensions().get::<Params>().unwrap();
        let names: Vec<_> = params.iter().map(|(name, _)| String::from_utf8_lossy(name)).collect();
        let text = format!("{} {:?} {names:?}", request.uri(), request.headers());
        full(text)
    });
    let web_server = serve(seen);
    let secret = head(1, KEEP, "GET", "/secret", &[("HTTP_COOKIE", "a=b"), ("REMOTE_USER", "root")]);
    assert!(web_server.ask(1, [secret, end_stdin(1)].concat()).await.text().contains("a=b"));
    let bare = [begin(1, KEEP), params(1, &[("REQUEST_METHOD", "GET")]), end_stdin(1)].concat();
    assert_eq!(web_server.ask(1, bare).await.text(), r#"/ {} ["REQUEST_METHOD"]"#);
}

#[tokio::test(start_paused = true)]
async fn pipelined_requests_are_all_served() {
    let web_server = serve(handler(echo));
    let ahead: Vec<u8> = (1..=20).flat_map(|id| post_whole(id, KEEP, &format!("/{id}"), b"x")).collect();
    web_server.say(ahead).await;
    for id in 1..=20 {
        assert_eq!(web_server.answer(id).text(), format!("POST /{id} x"));
    }
}

#[tokio::test(start_paused = true)]
async fn one_id_used_again_and_again_is_served_each_time() {
    let web_server = serve(handler(|_| async { full("at once") }));
    for _ in 0..50 {
        assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "at once");
    }
}

#[tokio::test(start_paused = true)]
async fn ids_are_echoed_exactly() {
    let web_server = serve(handler(echo));
    for id in [1, 2, 255, 256, 257, 0x7fff, 0x8000, 0xff00, 65_535] {
        assert_eq!(web_server.ask(id, get(id, KEEP, "/")).await.text(), "GET / ");
    }
}

#[tokio::test(start_paused = true)]
async fn a_get_without_a_length_runs_before_stdin_ends() {
    let web_server = serve(handler(|request| async move { full(request.uri().to_string()) }));
    assert_eq!(web_server.ask(1, head(1, KEEP, "GET", "/a", &[])).await.text(), "/a");
}

#[tokio::test(start_paused = true)]
async fn a_zero_length_body_ends_but_its_stdin_stays_open() {
    for length in ["0", "00"] {
        let web_server = serve(handler(|request| async move {
            assert!(http_body::Body::is_end_stream(request.body()));
            echo(request).await
        }));
        let request = head(1, KEEP, "GET", "/", &[("CONTENT_LENGTH", length)]);
        assert_eq!(web_server.ask(1, request).await.text(), "GET / ");
        web_server.say(end_stdin(1)).await;
        assert_eq!(web_server.ask(1, get(1, KEEP, "/2")).await.text(), "GET /2 ");
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_length_waits_unless_configured_otherwise() {
    let web_server = serve(handler(echo));
    web_server.say(head(1, KEEP, "GET", "/", &[])).await;
    assert!(!web_server.answers().has(1));
    assert_eq!(web_server.ask(1, end_stdin(1)).await.text(), "GET / ");

    let web_server = serve_with(Config::default().with_empty_without_content_length(true), handler(echo));
    assert_eq!(web_server.ask(1, head(1, KEEP, "GET", "/", &[])).await.text(), "GET / ");
    assert_eq!(web_server.ask(1, head(1, KEEP, "GET", "/", &[("CONTENT_LENGTH", "")])).await.status(), 200);
    // With a length there is a body, with and without the option.
    assert_eq!(web_server.ask(1, post_whole(1, KEEP, "/", b"abc")).await.text(), "POST / abc");
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_idle_only_between_requests() {
    let web_server = serve(handler(echo));
    web_server.quiet().await;
    assert_eq!(web_server.handle.idle_for(), None);
    let request = post_whole(1, KEEP, "/", b"abc");
    for at in [1, 20, request.len() - 1] {
        let web_server = serve(handler(echo));
        web_server.say(request[..at].to_vec()).await;
        assert_eq!(web_server.handle.idle_for(), None, "after {at} bytes");
        web_server.say(request[at..].to_vec()).await;
        assert!(web_server.handle.idle_for().is_some());
    }
    web_server.wire.make_room(0);
    web_server.say(request).await;
    assert_eq!(web_server.handle.idle_for(), None, "its response is not written");
    web_server.wire.make_room(usize::MAX);
    web_server.quiet().await;
    assert!(web_server.handle.idle_for().is_some());
}
