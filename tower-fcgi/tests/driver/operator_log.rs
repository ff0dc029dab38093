//! The events at `warn` and `error`: what an operator has to know, and of which request.

use std::time::Duration;

use http::{Request, Response};
use tokio::time::{advance, sleep};
use tower_fcgi::{Config, ErrorKind, Limits, OnUpgrade, RequestBody};
use tracing::Level;

use crate::handlers::{Gate, boxed, echo, full, handler};
use crate::logging::Log;
use crate::records::{KEEP, begin, end_stdin, get, head, post, stdin};
use crate::scripted::{Scripted, Step, data, quietly};
use crate::web_server::{WebServer, serve, serve_on, serve_with};
use crate::wire::Wire;

const SECOND: Duration = Duration::from_secs(1);

/// The only event at `warn` or above since the last call.
fn only(log: &Log) -> String {
    let mut events = log.take(Level::WARN);
    assert_eq!(events.len(), 1, "{events:?}");
    events.pop().unwrap()
}

/// Whether an event has the fields that identify a request.
fn identifies(event: &str, method: &str, uri: &str, id: u16) -> bool {
    let fields = format!("method={method} uri={uri} peer=\"192.0.2.9:4711\" id={id} ");
    event.contains(&fields)
}

fn one_at_a_time() -> Config {
    let mut limits = Limits::default();
    limits.max_concurrent_requests = 1;
    Config::default().with_limits(limits)
}

#[tokio::test(start_paused = true)]
async fn requests_over_the_limit_are_one_warn_in_10_s() {
    let (log, _guard) = Log::start();
    let config = one_at_a_time();
    let servers = [(); 2].map(|()| serve_with(config.clone(), handler(|_| std::future::pending())));
    for web_server in &servers {
        web_server.say(get(1, KEEP, "/")).await;
    }
    assert_eq!(log.take(Level::WARN), [""; 0]);
    servers[0].say(get(2, KEEP, "/")).await;
    let event = only(&log);
    let expected = "peer=\"192.0.2.9:4711\" count=1 max_concurrent_requests=1 ";
    assert!(event.contains(expected) && event.contains("requests over max_concurrent_requests"), "{event}");
    // Whichever connection they come on.
    servers[0].say([get(3, KEEP, "/"), get(4, KEEP, "/")].concat()).await;
    servers[1].say(get(2, KEEP, "/")).await;
    assert_eq!(log.take(Level::WARN), [""; 0]);
    advance(10 * SECOND).await;
    servers[1].say(get(3, KEEP, "/")).await;
    let event = only(&log);
    assert!(event.contains("count=4 "), "{event}");
}

#[tokio::test(start_paused = true)]
async fn another_protocol_is_named_with_the_remedy() {
    // As nginx, OpenSSL, HAProxy and Apache send them.
    for (bytes, protocol, remedy) in [
        (
            &b"GET / HTTP/1.0\r\nHost: app\r\nConnection: close\r\n\r\n"[..],
            "HTTP/1",
            "fastcgi_pass instead of proxy_pass",
        ),
        (b"POST /form HTTP/1.1\r\nHost: app\r\nContent-Length: 0\r\n\r\n", "HTTP/1", "`transport fastcgi`"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", "HTTP/2", "grpc_pass"),
        (b"\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03 a random number", "TLS", "proxy_pass https://"),
        (b"86:CONTENT_LENGTH\x000\x00REQUEST_METHOD\0GET\0SCGI\x001\0,", "SCGI", "instead of scgi_pass"),
        (
            b"\0\x52\x01\0\x0c\0QUERY_STRING\0\0\x0e\0REQUEST_METHOD\x03\0GET",
            "uwsgi",
            "instead of uwsgi_pass",
        ),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 9000\r\n\x01\x01", "the PROXY protocol", "send-proxy"),
        (b"\x12\x34\0\x60\x02\x02\0\x08HTTP/1.1", "AJP", "ajp://"),
    ] {
        for packet in [bytes.len(), 3, 1] {
            let (log, _guard) = Log::start();
            let mut web_server = serve(handler(echo));
            web_server.send_in_packets(bytes, packet);
            assert_eq!(web_server.ended().await.unwrap_err().kind(), ErrorKind::Protocol);
            let event = only(&log);
            let starts = format!("a peer speaks {protocol} instead of FastCGI: ");
            assert!(event.contains(&starts) && event.contains(remedy), "{event}");
            assert!(event.contains("peer=\"192.0.2.9:4711\" count=1 "), "{event}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn other_protocols_are_one_warn_in_10_s() {
    let (log, _guard) = Log::start();
    let config = Config::default();
    for _ in 0..5 {
        let mut web_server = serve_with(config.clone(), handler(echo));
        web_server.send(&b"GET / HTTP/1.1\r\n"[..]);
        web_server.ended().await.unwrap_err();
    }
    assert!(only(&log).contains("count=1 "));
    advance(10 * SECOND).await;
    let mut web_server = serve_with(config, handler(echo));
    web_server.send(&b"GET / HTTP/1.1\r\n"[..]);
    web_server.ended().await.unwrap_err();
    assert!(only(&log).contains("count=5 "));
}

#[tokio::test(start_paused = true)]
async fn garbage_after_a_request_is_no_other_protocol() {
    let (log, _guard) = Log::start();
    let mut web_server = serve(handler(echo));
    web_server.say(get(1, KEEP, "/")).await;
    web_server.send(&b"GET / HTTP/1.1\r\n"[..]);
    assert_eq!(web_server.ended().await.unwrap_err().kind(), ErrorKind::Protocol);
    assert_eq!(log.take(Level::WARN), [""; 0]);
}

/// Fails in each of the ways that are an application's fault.
fn failing() -> WebServer {
    serve(handler(|request| async move {
        match request.uri().path() {
            "/wait" => std::future::pending().await,
            "/panic" => panic!("a bug"),
            "/trailers" => Response::new(boxed(Scripted::new([Step::Trailers]))),
            _ => echo(request).await,
        }
    }))
}

#[tokio::test(start_paused = true)]
async fn a_failure_names_its_request_wherever_it_runs() {
    quietly();
    for busy in [false, true] {
        for (path, part, message) in [
            ("/panic?a=b", "failure=the handler panicked: a bug ", "request failed"),
            ("/trailers", "trailers were dropped", "a part of the response was not sent"),
        ] {
            let (log, _guard) = Log::start();
            let web_server = failing();
            if busy {
                // The next request runs in a task.
                web_server.say(get(1, KEEP, "/wait")).await;
            }
            web_server.say(get(7, KEEP, path)).await;
            let event = only(&log);
            assert!(identifies(&event, "GET", path, 7) && event.contains(message), "{event}");
            assert!(event.contains(part), "{event}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_has_the_web_servers_own_id() {
    quietly();
    let (log, _guard) = Log::start();
    let web_server = failing();
    let pairs = [("REQUEST_ID", "0f1e\n")];
    web_server.say([head(1, KEEP, "GET", "/panic", &pairs), end_stdin(1)].concat()).await;
    let event = only(&log);
    assert!(event.contains(r#"request_id="0f1e\\n" "#), "{event}");
    let long = format!("/panic?{}", "x".repeat(1000));
    web_server.say(get(1, KEEP, &long)).await;
    let event = only(&log);
    assert!(event.contains(&format!("uri={}... ", &long[..197])), "{event}");
}

#[tokio::test(start_paused = true)]
async fn an_evicted_body_names_its_request() {
    let (log, _guard) = Log::start();
    let mut limits = Limits::default();
    limits.connection_window = 1000;
    let config = Config::default().with_limits(limits).with_body_stall_timeout(SECOND);
    let web_server = serve_with(
        config,
        handler(|request| async move {
            let _unread = request;
            std::future::pending().await
        }),
    );
    web_server.say(get(1, KEEP, "/other")).await;
    web_server.say([post(2, KEEP, "/upload", 5000), stdin(2, &[0; 2000])].concat()).await;
    sleep(2 * SECOND).await;
    let event = only(&log);
    assert!(identifies(&event, "POST", "/upload", 2) && event.contains("unread body"), "{event}");
}

#[tokio::test(start_paused = true)]
async fn an_unread_response_that_is_given_up_is_a_warn() {
    let (log, _guard) = Log::start();
    let config = Config::default().with_write_timeout(SECOND);
    for count in [1, 0] {
        let wire = Wire::default();
        wire.lock().room = 0;
        let large = || async { Response::new(boxed(Scripted::new([data("some"), Step::Wait(Gate::new())]))) };
        let mut web_server = serve_on(wire, config.clone(), handler(move |_| large()));
        web_server.send(get(3, KEEP, "/large"));
        assert!(web_server.ended().await.unwrap_err().is_timeout());
        if count == 0 {
            assert_eq!(log.take(Level::WARN), [""; 0], "within 10 s");
            continue;
        }
        let event = only(&log);
        assert!(identifies(&event, "GET", "/large", 3) && event.contains("count=1 "), "{event}");
        assert!(event.contains("a response was given up") && event.contains("does not read it"), "{event}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_aborted_connection_names_what_it_drops() {
    let (log, _guard) = Log::start();
    let mut web_server = failing();
    web_server.say([get(1, KEEP, "/wait?1"), get(2, KEEP, "/wait?2")].concat()).await;
    web_server.say(begin(3, KEEP)).await;
    web_server.handle.abort();
    assert_eq!(web_server.ended().await.unwrap_err().kind(), ErrorKind::Aborted);
    let events = log.take(Level::WARN);
    assert_eq!(events.len(), 2, "{events:?}");
    for (id, event) in (1..).zip(&events) {
        assert!(identifies(event, "GET", &format!("/wait?{id}"), id), "{event}");
        assert!(event.contains("a request was dropped: its connection was aborted"), "{event}");
    }
}

fn slow_after(limit: Duration) -> Config {
    Config::default().with_slow_request_log(limit).with_max_write_buffer(1000)
}

#[tokio::test(start_paused = true)]
async fn a_slow_request_is_logged_with_what_it_awaits() {
    for (path, waits_for) in [
        ("/handler", "the handler"),
        ("/body", "the request's body"),
        ("/stream", "the handler"),
        ("/unread", "the web server to read the response"),
    ] {
        for busy in [false, true] {
            let (log, _guard) = Log::start();
            let gate = Gate::new();
            let passed = gate.clone();
            let service = handler(move |request| {
                let gate = passed.clone();
                async move {
                    match request.uri().path() {
                        "/body" => echo(request).await,
                        "/stream" => {
                            Response::new(boxed(Scripted::new([data("a"), Step::Wait(gate), data("b")])))
                        }
                        "/unread" => {
                            let large = (0..100).map(|_| data("x".repeat(1000)));
                            Response::new(boxed(Scripted::new(large)))
                        }
                        "/wait" => std::future::pending().await,
                        _ => {
                            gate.pass().await;
                            full("slow")
                        }
                    }
                }
            });
            let wire = Wire::default();
            let web_server = serve_on(wire.clone(), slow_after(5 * SECOND), service);
            if busy {
                web_server.say(get(9, KEEP, "/wait")).await;
                sleep(6 * SECOND).await;
                assert!(only(&log).contains("uri=/wait "));
            }
            if path == "/unread" {
                wire.lock().room = 0;
            }
            web_server.say([post(1, KEEP, path, 3), stdin(1, b"ab")].concat()).await;
            sleep(4 * SECOND).await;
            assert_eq!(log.take(Level::WARN), [""; 0], "{path}");
            sleep(SECOND).await;
            let event = only(&log);
            assert!(identifies(&event, "POST", path, 1) && event.contains("a request is slow"), "{event}");
            assert!(event.contains(&format!("waits_for={waits_for} ")), "{event}");
            sleep(20 * SECOND).await;
            assert_eq!(log.take(Level::WARN), [""; 0], "once");
            gate.open(1);
            wire.make_room(usize::MAX);
            web_server.say([stdin(1, b"c"), end_stdin(1)].concat()).await;
            let event = only(&log);
            assert!(identifies(&event, "POST", path, 1) && event.contains("took=25."), "{event}");
            assert!(event.contains("a slow request has ended"), "{event}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_request_may_wait_for_readiness() {
    let (log, _guard) = Log::start();
    let service = tower::limit::ConcurrencyLimit::new(handler(|_| std::future::pending()), 1);
    let web_server = serve_with(slow_after(SECOND), service);
    web_server.say([get(1, KEEP, "/"), get(2, KEEP, "/")].concat()).await;
    sleep(2 * SECOND).await;
    let events = log.take(Level::WARN);
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events[0].contains("id=1 ") && events[0].contains("waits_for=the handler "), "{events:?}");
    assert!(
        events[1].contains("id=2 ") && events[1].contains("waits_for=the service to be ready "),
        "{events:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_end_of_an_upgraded_stream_is_not_logged() {
    let (log, _guard) = Log::start();
    let service = handler(async |mut request: Request<RequestBody>| {
        let upgrade = request.extensions_mut().remove::<OnUpgrade>().expect("an upgradable request");
        tokio::spawn(async move {
            let _stream = upgrade.await.unwrap();
            sleep(60 * SECOND).await;
        });
        let response = Response::builder().status(101).header("connection", "upgrade");
        response.header("upgrade", "echo").header("content-length", "0").body(full("").into_body()).unwrap()
    });
    let web_server = serve_with(slow_after(5 * SECOND), service);
    let asks = [
        ("SERVER_SOFTWARE", "lighttpd/1.4.79"),
        ("HTTP_CONNECTION", "keep-alive, Upgrade"),
        ("HTTP_UPGRADE", "echo"),
        ("CONTENT_LENGTH", "0"),
    ];
    web_server.say(head(1, KEEP, "GET", "/", &asks)).await;
    sleep(50 * SECOND).await;
    sleep(11 * SECOND).await;
    web_server.say(end_stdin(1)).await;
    assert!(web_server.answers().has(1));
    assert_eq!(log.take(Level::WARN), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn by_default_no_request_is_slow() {
    let (log, _guard) = Log::start();
    let web_server = failing();
    web_server.say(get(1, KEEP, "/wait")).await;
    sleep(86_400 * SECOND).await;
    assert_eq!(log.take(Level::WARN), [""; 0]);
}
