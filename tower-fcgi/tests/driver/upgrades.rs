//! Upgrades: a 101, and STDIN and STDOUT as a byte stream.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use http_body::Body as _;
use http_body_util::Empty;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tower_fcgi::{BodyError, Config, OnUpgrade, RequestBody, Upgraded};

use crate::handlers::{Gate, Reply, boxed, echo, full, handler, read};
use crate::records::{CLOSE, KEEP, abort, end_stdin, get, head, stdin};
use crate::web_server::{WebServer, serve, serve_with};

const ASKS: [(&str, &str); 3] =
    [("HTTP_CONNECTION", "keep-alive, Upgrade"), ("HTTP_UPGRADE", "echo"), ("CONTENT_LENGTH", "0")];

/// The head of a request that asks for an upgrade. Its STDIN is open.
fn upgrade(id: u16) -> Vec<u8> {
    head(id, KEEP, "GET", "/", &ASKS)
}

fn switching() -> Reply {
    let response = Response::builder().status(101).header("connection", "upgrade").header("upgrade", "echo");
    response.header("content-length", "0").body(boxed(Empty::new())).unwrap()
}

/// Sends back what it reads after the 101, and ends with the client's direction.
fn sending_back() -> WebServer {
    serve(handler(async |mut request: Request<RequestBody>| {
        match request.extensions_mut().remove::<OnUpgrade>() {
            Some(upgrade) => {
                tokio::spawn(async move { send_back(upgrade.await.unwrap()).await });
                switching()
            }
            None => full("no upgrade"),
        }
    }))
}

async fn send_back(stream: Upgraded) {
    let (mut input, mut output) = tokio::io::split(stream);
    tokio::io::copy(&mut input, &mut output).await.unwrap();
    output.shutdown().await.unwrap();
}

/// A service that hands each stream to the test.
fn with_streams(config: Config) -> (WebServer, mpsc::UnboundedReceiver<Upgraded>) {
    let (sender, streams) = mpsc::unbounded_channel();
    let service = handler(move |mut request: Request<RequestBody>| {
        let sender = sender.clone();
        async move {
            let upgrade = request.extensions_mut().remove::<OnUpgrade>().expect("an upgradable request");
            tokio::spawn(async move { sender.send(upgrade.await.unwrap()).unwrap() });
            switching()
        }
    });
    (serve_with(config, service), streams)
}

async fn one_stream() -> (WebServer, Upgraded) {
    let (web_server, mut streams) = with_streams(Config::default());
    web_server.say(upgrade(1)).await;
    let stream = streams.recv().await.unwrap();
    (web_server, stream)
}

#[tokio::test(start_paused = true)]
async fn stdin_and_stdout_become_a_stream() {
    let web_server = sending_back();
    web_server.say(upgrade(1)).await;
    let head = "Status: 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    assert_eq!(web_server.answers().of(1).stdout, head.as_bytes());
    for sent in ["ping", "pong", "x"] {
        web_server.forget();
        web_server.say(stdin(1, sent.as_bytes())).await;
        assert_eq!(web_server.answers().of(1).stdout, sent.as_bytes());
    }
    web_server.forget();
    web_server.say([stdin(1, b"last"), end_stdin(1)].concat()).await;
    let answer = web_server.answer(1);
    assert_eq!(answer.stdout, b"last");
    // The connection is kept.
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "no upgrade");
}

#[tokio::test(start_paused = true)]
async fn large_messages_pass_in_both_directions() {
    let message: Vec<u8> = (0..3_000_000_u32).map(|byte| byte as u8).collect();
    let web_server = sending_back();
    web_server.say(upgrade(1)).await;
    let head = web_server.answers().of(1).stdout.len();
    web_server.send_in_packets([stdin(1, &message), end_stdin(1)].concat(), 10_000);
    web_server.quiet().await;
    assert!(web_server.answer(1).stdout[head..] == message);
}

#[tokio::test(start_paused = true)]
async fn only_an_open_stdin_without_a_body_is_upgradable() {
    let websocket = ("HTTP_UPGRADE", "websocket");
    let upgrade = ("HTTP_CONNECTION", "upgrade");
    for (more, ended) in [
        (vec![websocket, upgrade], true),
        (vec![websocket, upgrade, ("CONTENT_LENGTH", "0")], true),
        (vec![websocket, ("CONTENT_LENGTH", "0")], false),
        (vec![upgrade, ("CONTENT_LENGTH", "0")], false),
        (vec![websocket, upgrade, ("CONTENT_LENGTH", "5")], false),
        (vec![websocket, upgrade, ("HTTP_TRANSFER_ENCODING", "chunked")], false),
    ] {
        let web_server = sending_back();
        let mut request = head(1, KEEP, "POST", "/", &more);
        if ended {
            request.extend(end_stdin(1));
        }
        assert_eq!(web_server.ask(1, request).await.text(), "no upgrade", "{more:?}");
    }
}

/// A body that web servers send without CONTENT_LENGTH is never taken for the bytes of an upgrade.
#[tokio::test(start_paused = true)]
async fn an_unannounced_body_is_not_lost() {
    let web_server = serve(handler(echo));
    let asks = [("HTTP_CONNECTION", "upgrade"), ("HTTP_UPGRADE", "h2c")];
    let request = [head(1, KEEP, "POST", "/", &asks), stdin(1, b"body"), end_stdin(1)].concat();
    assert_eq!(web_server.ask(1, request).await.text(), "POST / body");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_stdin_before_the_101_is_a_426() {
    let results = Arc::new(Mutex::new(Vec::new()));
    for waits in [false, true] {
        let (gate, outcome) = (Gate::new(), Arc::clone(&results));
        let opened = gate.clone();
        let web_server = serve(handler(move |mut request: Request<RequestBody>| {
            let (gate, outcome) = (opened.clone(), Arc::clone(&outcome));
            let upgrade = request.extensions_mut().remove::<OnUpgrade>().expect("an upgradable request");
            tokio::spawn(async move {
                let refused = upgrade.await.unwrap_err().to_string();
                outcome.lock().unwrap().push(refused);
            });
            async move {
                if waits {
                    gate.pass().await;
                }
                switching()
            }
        }));
        // Two reads, the second of which is ready after the first.
        web_server.send(upgrade(1));
        web_server.send(end_stdin(1));
        gate.open(1);
        web_server.quiet().await;
        assert_eq!(web_server.answer(1).status(), 426, "{waits}");
        assert_eq!(web_server.ask(2, get(2, KEEP, "/x")).await.id, 2);
    }
    let results = results.lock().unwrap();
    assert!(
        results.len() >= 2 && results.iter().all(|reason| reason.contains("not upgraded")),
        "{results:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_body_of_an_upgradable_request_is_empty() {
    let web_server = serve(handler(async |request: Request<RequestBody>| {
        let has_offer = request.extensions().get::<OnUpgrade>().is_some();
        let at_end = request.body().is_end_stream();
        let body = read(request.into_body()).await.unwrap();
        full(format!("{has_offer} {at_end} {body:?}"))
    }));
    assert_eq!(web_server.ask(1, upgrade(1)).await.text(), "true true b\"\"");
    // The web server ends STDIN after such a response; the connection serves the next request.
    web_server.say(end_stdin(1)).await;
    assert_eq!(web_server.ask(2, upgrade(2)).await.text(), "true true b\"\"");
}

#[tokio::test(start_paused = true)]
async fn any_other_status_refuses_the_upgrade() {
    let (sender, mut refused) = mpsc::unbounded_channel();
    let web_server = serve(handler(move |mut request: Request<RequestBody>| {
        let sender = sender.clone();
        let upgrade = request.extensions_mut().remove::<OnUpgrade>().unwrap();
        tokio::spawn(async move { sender.send(upgrade.await.is_err()).unwrap() });
        async { full("no") }
    }));
    assert_eq!(web_server.ask(1, upgrade(1)).await.text(), "no");
    assert_eq!(refused.recv().await, Some(true));
}

#[tokio::test(start_paused = true)]
async fn a_101_without_an_offer_is_a_500() {
    let web_server = serve(handler(async |_: Request<RequestBody>| switching()));
    for request in [get(1, KEEP, "/"), upgrade(1)] {
        let answer = web_server.ask(1, request).await;
        assert_eq!(answer.status(), 500);
        assert!(answer.errors().contains("upgrade"), "{answer:?}");
        web_server.say(end_stdin(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_offer_dropped_after_the_101_ends_the_stream() {
    let (gate, gates) = (Gate::new(), Gate::new());
    let (opened, dropped) = (gate.clone(), gates.clone());
    let web_server = serve(handler(move |mut request: Request<RequestBody>| {
        let upgrade = request.extensions_mut().remove::<OnUpgrade>();
        let (gate, dropped) = (opened.clone(), dropped.clone());
        tokio::spawn(async move {
            dropped.pass().await;
            drop(upgrade);
        });
        async move {
            gate.pass().await;
            switching()
        }
    }));
    web_server.say(upgrade(1)).await;
    gate.open(1);
    web_server.quiet().await;
    assert!(web_server.answers().of(1).is_cut_off());
    gates.open(1);
    web_server.quiet().await;
    assert!(web_server.answer(1).head().starts_with("Status: 101 "));
}

#[tokio::test(start_paused = true)]
async fn writes_wait_while_the_web_server_does_not_read() {
    let (web_server, mut stream) = one_stream().await;
    web_server.wire.make_room(1000);
    let config = Config::default();
    let chunk = vec![b'x'; 8192];
    let mut written = 0;
    while tokio::time::timeout(Duration::from_secs(1), stream.write_all(&chunk)).await.is_ok() {
        written += chunk.len();
        assert!(written < 2 * config.max_write_buffer(), "unbounded");
    }
    // The transport's room, the connection's output, and the stream's buffer.
    let most = 1000 + config.max_write_buffer() + 2 * 64 * 1024 + chunk.len();
    assert!(written <= most, "{written} of {most}");
    web_server.wire.make_room(usize::MAX);
    stream.write_all(b"end").await.unwrap();
    drop(stream);
    web_server.quiet().await;
    assert!(web_server.answer(1).stdout.ends_with(b"xend"));
}

#[tokio::test(start_paused = true)]
async fn input_pauses_while_the_stream_is_not_read() {
    let (web_server, mut stream) = one_stream().await;
    let window = Config::default().limits().request_window;
    let before = web_server.taken();
    web_server.send_in_packets(stdin(1, &vec![b'x'; 4 * window]), 16 * 1024);
    // Longer than the timeouts of bodies.
    sleep(Duration::from_secs(3600)).await;
    assert!(web_server.taken() - before <= window + 128 * 1024, "{}", web_server.taken());
    let mut received = vec![0; 4 * window];
    stream.read_exact(&mut received).await.unwrap();
    web_server.say(end_stdin(1)).await;
    assert_eq!(stream.read(&mut received).await.unwrap(), 0);
    // The other direction is still open.
    stream.write_all(b"bye").await.unwrap();
    drop(stream);
    web_server.quiet().await;
    assert!(web_server.answer(1).stdout.ends_with(b"bye"));
}

#[tokio::test(start_paused = true)]
async fn an_abort_or_a_lost_connection_ends_the_stream() {
    for (name, cause) in [
        ("aborted", (|web_server: &WebServer| web_server.send(abort(1))) as fn(&WebServer)),
        ("lost", WebServer::end),
        ("lost", WebServer::reset),
    ] {
        let (web_server, mut stream) = one_stream().await;
        web_server.say(stdin(1, b"before")).await;
        cause(&web_server);
        web_server.quiet().await;
        let mut received = [0; 6];
        stream.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"before");
        let error = stream.read(&mut received).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let reason = error.get_ref().and_then(|error| error.downcast_ref::<BodyError>()).unwrap();
        assert_eq!((reason.is_aborted(), reason.is_disconnected()), (name == "aborted", name == "lost"));
        assert_eq!(stream.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_of_the_stream_ends_both_directions() {
    let (web_server, mut stream) = one_stream().await;
    web_server.say(stdin(1, b"unread")).await;
    stream.write_all(b"last").await.unwrap();
    stream.shutdown().await.unwrap();
    web_server.quiet().await;
    assert!(web_server.answer(1).stdout.ends_with(b"last"));
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "unread");
    assert_eq!(stream.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[tokio::test(start_paused = true)]
async fn a_graceful_shutdown_ends_the_clients_direction() {
    let (mut web_server, mut stream) = one_stream().await;
    web_server.handle.graceful_shutdown();
    web_server.quiet().await;
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    // Bytes that still arrive are dropped; the application can say goodbye.
    web_server.say(stdin(1, b"late")).await;
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    sleep(Duration::from_secs(3600)).await;
    assert!(!web_server.sees_end());
    stream.write_all(b"bye").await.unwrap();
    drop(stream);
    web_server.quiet().await;
    assert!(web_server.answer(1).stdout.ends_with(b"bye"));
    web_server.end();
    web_server.ended().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_upgraded_request_owns_its_connection() {
    let (web_server, mut stream) = one_stream().await;
    web_server.forget();
    web_server.say(get(2, KEEP, "/")).await;
    assert_eq!(web_server.answer(2).status(), 503);
    stream.write_all(b"still here").await.unwrap();
    drop(stream);
    web_server.quiet().await;
    assert_eq!(web_server.answer(1).stdout, b"still here");
}

#[tokio::test(start_paused = true)]
async fn a_shared_connection_is_not_upgraded() {
    // The other request begins before, or between the offer and the 101.
    for before in [true, false] {
        let gate = Gate::new();
        let opened = gate.clone();
        let web_server = serve(handler(move |mut request: Request<RequestBody>| {
            let (gate, upgrade) = (opened.clone(), request.extensions_mut().remove::<OnUpgrade>());
            async move {
                if request.uri() == "/other" {
                    std::future::pending::<()>().await;
                }
                gate.pass().await;
                let Some(upgrade) = upgrade else { return full("no offer") };
                tokio::spawn(upgrade);
                switching()
            }
        }));
        let other = get(2, KEEP, "/other");
        let packets = if before { [other, upgrade(1)] } else { [upgrade(1), other] };
        for packet in packets {
            web_server.say(packet).await;
        }
        gate.open(1);
        web_server.quiet().await;
        assert_eq!(web_server.answer(1).status(), if before { 200 } else { 426 });
    }
}

#[tokio::test(start_paused = true)]
async fn timeouts_of_requests_do_not_apply() {
    let hour = Duration::from_secs(3600);
    let config = Config::default()
        .with_request_timeout(Duration::from_secs(5))
        .with_body_read_timeout(Duration::from_secs(5))
        .with_keep_alive_timeout(Duration::from_secs(5));
    let (web_server, mut streams) = with_streams(config);
    web_server.say(upgrade(1)).await;
    let mut stream = streams.recv().await.unwrap();
    sleep(hour).await;
    web_server.say(stdin(1, b"ping")).await;
    stream.read_exact(&mut [0; 4]).await.unwrap();
    stream.write_all(b"pong").await.unwrap();
    web_server.quiet().await;
    assert!(web_server.answers().of(1).stdout.ends_with(b"pong"));
}

#[tokio::test(start_paused = true)]
async fn an_idle_upgrade_times_out_if_configured() {
    let limit = Duration::from_secs(30);
    let (mut web_server, mut streams) = with_streams(Config::default().with_upgrade_idle_timeout(limit));
    web_server.say(upgrade(1)).await;
    let mut stream = streams.recv().await.unwrap();
    for _ in 0..3 {
        sleep(limit / 2).await;
        web_server.say(stdin(1, b"ping")).await;
        stream.read_exact(&mut [0; 4]).await.unwrap();
        sleep(limit / 2).await;
        stream.write_all(b"pong").await.unwrap();
    }
    let (result, took) = web_server.ended_after().await;
    assert!(result.unwrap_err().is_timeout());
    assert_eq!(took.as_secs(), 30);
    assert_eq!(stream.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_without_keep_conn_closes_at_its_end() {
    let mut web_server = sending_back();
    web_server.say(head(1, CLOSE, "GET", "/", &ASKS)).await;
    web_server.say([stdin(1, b"x"), end_stdin(1)].concat()).await;
    assert!(web_server.answer(1).stdout.ends_with(b"x"));
    web_server.ended().await.unwrap();
}
