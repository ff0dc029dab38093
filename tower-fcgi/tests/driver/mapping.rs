//! The mapping between CGI and `http`, end to end. Unit tests cover the tables of names and values.

use http::{Response, StatusCode};
use http_body_util::Empty;
use tower_fcgi::{Config, Limits, Params};
use tracing::Level;

use crate::handlers::{Reply, boxed, echo, full, handler};
use crate::logging::Log;
use crate::records::{CLOSE, KEEP, end_stdin, get, head, stdin};
use crate::scripted::{Scripted, Step, data};
use crate::web_server::{WebServer, serve, serve_with};

/// Serves every request with this response.
fn serve_reply(reply: fn() -> Reply) -> WebServer {
    serve(handler(move |_| async move { reply() }))
}

/// A request without a body.
fn request(method: &str, more: &[(&str, &str)]) -> Vec<u8> {
    [head(1, KEEP, method, "/", more), end_stdin(1)].concat()
}

#[tokio::test(start_paused = true)]
async fn expect_100_continue_yields_no_interim_response() {
    let web_server = serve(handler(echo));
    let more = [("HTTP_EXPECT", "100-continue"), ("CONTENT_LENGTH", "3")];
    web_server.say(head(1, KEEP, "POST", "/", &more)).await;
    assert!(web_server.wire.lock().output.is_empty());
    let answer = web_server.ask(1, [stdin(1, b"abc"), end_stdin(1)].concat()).await;
    assert_eq!((answer.status(), answer.text().as_str()), (200, "POST / abc"));
}

#[tokio::test(start_paused = true)]
async fn an_application_1xx_or_101_is_a_500_at_once() {
    for status in [100, 101, 102, 103] {
        let web_server = serve(handler(move |_| async move {
            // As after an upgrade: the body never ends.
            let body = boxed(Scripted::new([Step::Hang]));
            Response::builder().status(status).header("upgrade", "chat").body(body).unwrap()
        }));
        let more = [("HTTP_CONNECTION", "upgrade"), ("HTTP_UPGRADE", "chat")];
        let answer = web_server.ask(1, request("GET", &more)).await;
        assert_eq!(answer.status(), 500);
        assert_eq!(answer.errors().lines().count(), 1, "{answer:?}");
        assert_eq!(answer.header("upgrade"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn response_trailers_are_dropped_before_end_request() {
    for (method, steps, text, lines) in [
        ("GET", (|| vec![data("body"), Step::Trailers]) as fn() -> Vec<Step>, "body", 1),
        ("GET", || vec![Step::Trailers], "", 1),
        ("GET", || vec![data("body"), Step::Trailers, Step::Trailers, data("more")], "body", 1),
        ("GET", || vec![data("body")], "body", 0),
        // Without a body there are no trailers.
        ("HEAD", || vec![data("body"), Step::Trailers], "", 0),
    ] {
        let (log, _guard) = Log::start();
        let web_server = serve(handler(move |_| async move { Response::new(boxed(Scripted::new(steps()))) }));
        let answer = web_server.ask(1, request(method, &[])).await;
        assert_eq!(answer.text(), text);
        assert_eq!(answer.errors().lines().count(), lines, "{}", answer.errors());
        assert_eq!(log.at(Level::WARN).len(), lines);
    }
}

#[tokio::test(start_paused = true)]
async fn head_of_a_sized_body_has_its_length() {
    let web_server = serve(handler(|request| async move {
        let mut reply = full("five!");
        if request.uri() == "/404" {
            *reply.status_mut() = StatusCode::NOT_FOUND;
        }
        reply
    }));
    for (target, status) in [("/", 200), ("/404", 404)] {
        let answer = web_server.ask(1, [head(1, KEEP, "HEAD", target, &[]), end_stdin(1)].concat()).await;
        assert_eq!((answer.status(), answer.body()), (status, &b""[..]));
        assert_eq!(answer.header("content-length"), Some("5"));
    }
}

#[tokio::test(start_paused = true)]
async fn head_of_a_stream_has_no_body_and_no_length() {
    let web_server = serve_reply(|| Response::new(boxed(Scripted::new([data("body"), Step::Hang]))));
    let answer = web_server.ask(1, request("HEAD", &[])).await;
    assert_eq!((answer.status(), answer.body()), (200, &b""[..]));
    assert_eq!(answer.header("content-length"), None);
    let web_server = serve_reply(|| Response::new(boxed(Empty::new())));
    assert_eq!(
        web_server.ask(1, request("HEAD", &[])).await.header("content-length"),
        None,
        "0 would be wrong"
    );
}

#[tokio::test(start_paused = true)]
async fn head_204_and_304_have_no_body_and_are_whole() {
    for (method, status) in [("HEAD", 200), ("HEAD", 404), ("GET", 204), ("GET", 304)] {
        let web_server = serve(handler(move |_| async move {
            let mut reply = full("a body that nobody may see");
            *reply.status_mut() = StatusCode::from_u16(status).unwrap();
            reply
        }));
        let answer = web_server.ask(1, request(method, &[])).await;
        assert_eq!((answer.status(), answer.body()), (status, &b""[..]));
        assert_eq!(web_server.ask(1, request(method, &[])).await.status(), status);
    }
}

#[tokio::test(start_paused = true)]
async fn content_length_is_sent_once_and_only_if_known() {
    let answer = serve_reply(|| full("four")).ask(1, request("GET", &[])).await;
    assert_eq!(answer.head(), "Status: 200 OK\r\ncontent-length: 4\r\n\r\n");
    let streamed = || Response::new(boxed(Scripted::new([data("four")])));
    let answer = serve_reply(streamed).ask(1, request("GET", &[])).await;
    assert_eq!(answer.head(), "Status: 200 OK\r\n\r\n");
}

#[tokio::test(start_paused = true)]
async fn meta_variables_reach_the_handler_as_params() {
    let web_server = serve(handler(|request| async move {
        let params = request.extensions().get::<Params>().unwrap();
        let text = |name| params.get_str(name).unwrap_or("-").to_owned();
        full(["REMOTE_USER", "REMOTE_ADDR", "REMOTE_PORT", "SSL_CLIENT_S_DN", "HTTPS"].map(text).join(" "))
    }));
    let more =
        [("REMOTE_USER", "ann"), ("REMOTE_ADDR", "unix:"), ("REMOTE_PORT", ""), ("SSL_CLIENT_S_DN", "CN=x")];
    assert_eq!(web_server.ask(1, request("GET", &more)).await.text(), "ann unix:  CN=x -");
}

#[tokio::test(start_paused = true)]
async fn what_http_cannot_carry_is_a_400_without_a_line() {
    let web_server = serve(handler(echo));
    for more in [
        &[("REQUEST_METHOD", "G T")][..],
        &[("REQUEST_METHOD", "")],
        &[("REQUEST_URI", "/a/../b")],
        &[("HTTP_X", "a\nb")],
        &[("HTTP_A B", "c")],
        &[("REQUEST_METHOD", "CONNECT"), ("REQUEST_URI", "example.org:443")],
    ] {
        let answer = web_server.ask(1, request("GET", more)).await;
        assert_eq!((answer.status(), answer.body()), (400, &b""[..]), "{more:?}");
        assert_eq!(answer.errors(), "");
        assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "GET / ");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_gets_the_decided_target() {
    let web_server = serve(handler(echo));
    for (sent, script, expected) in [
        ("/guarded/x?q", "/authz", "GET /authz?q "),
        ("/env/../hello", "/hello", "GET /hello "),
        ("/a%20b//c", "/a b/c", "GET /a%20b//c "),
        ("/a b", "/a b", "GET /a%20b "),
    ] {
        let answer =
            web_server.ask(1, request("GET", &[("REQUEST_URI", sent), ("SCRIPT_NAME", script)])).await;
        assert_eq!(answer.text(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_request_without_keep_conn_is_closed() {
    let mut web_server = serve(handler(echo));
    web_server.say([head(1, CLOSE, "", "/", &[]), end_stdin(1)].concat()).await;
    assert_eq!(web_server.answer(1).status(), 400);
    web_server.end();
    assert!(web_server.ended().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_target_over_the_limit_is_a_414() {
    let web_server = serve(handler(echo));
    let uri = format!("/?{}", "x".repeat(66_000));
    assert_eq!(web_server.ask(1, request("GET", &[("REQUEST_URI", &uri)])).await.status(), 414);
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "GET / ");
}

#[tokio::test(start_paused = true)]
async fn params_over_a_limit_are_a_431_without_a_close() {
    let mut limits = Limits::default();
    limits.max_params_bytes = 2000;
    limits.max_params = 20;
    let web_server = serve_with(Config::default().with_limits(limits), handler(echo));
    let long = "x".repeat(3000);
    for more in [vec![("HTTP_X", long.as_str())], vec![("A", ""); 30], vec![("", ""); 500]] {
        let answer = web_server.ask(1, request("POST", &more)).await;
        assert_eq!((answer.status(), answer.body()), (431, &b""[..]));
        assert_eq!(answer.errors(), "");
        assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "GET / ");
    }
}

#[tokio::test(start_paused = true)]
async fn a_431_comes_early_and_skips_the_rest_of_params() {
    let web_server = serve(handler(echo));
    let request = request("POST", &vec![("HTTP_X_FILL", "some more of it"); 40_000]);
    let half = request.len() / 2;
    web_server.say(request[..half].to_vec()).await;
    assert_eq!(web_server.answer(1).status(), 431);
    web_server.say(request[half..].to_vec()).await;
    assert_eq!(web_server.answers().list.len(), 1);
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "GET / ");
}

#[tokio::test(start_paused = true)]
async fn forty_thousand_headers_within_limits_are_a_431() {
    let mut limits = Limits::default();
    limits.max_params_bytes = 8 << 20;
    limits.max_params = 100_000;
    let web_server = serve_with(Config::default().with_limits(limits), handler(echo));
    let names: Vec<String> = (0..40_000).map(|number| format!("HTTP_X_{number}")).collect();
    let more: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
    assert_eq!(web_server.ask(1, request("GET", &more)).await.status(), 431);
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "GET / ");
}

#[tokio::test(start_paused = true)]
async fn an_unsupported_response_is_a_500_on_stderr() {
    let web_server = serve(handler(|_| async {
        let mut reply = full("four");
        reply.headers_mut().insert("content-length", "four".parse().unwrap());
        reply
    }));
    let answer = web_server.ask(1, request("GET", &[])).await;
    assert_eq!((answer.status(), answer.errors().lines().count()), (500, 1));
}
