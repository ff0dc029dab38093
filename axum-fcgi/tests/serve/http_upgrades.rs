//! The HTTP socket for upgrades, in memory and with paused time.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, OriginalUri, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{any, get};
use axum::serve::Listener;
use axum_fcgi::{Config, ForwardedHeaders, RequestTarget};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, copy, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::in_memory::{Entrance, listener};
use crate::log::Log;
use crate::wire;

const SECOND: Duration = Duration::from_secs(1);
const UPGRADE: &str = "Host: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\n";

struct Served {
    fastcgi: Entrance,
    http: Entrance,
    /// Calls of handlers.
    calls: Arc<AtomicUsize>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<io::Result<()>>,
}

/// Sends the client's address and the target, then echoes.
async fn echo(
    State(calls): State<Arc<AtomicUsize>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Response {
    calls.fetch_add(1, Ordering::SeqCst);
    let greeting = format!("{client} {uri} {}\n", request.uri());
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let (mut reader, mut writer) = split(TokioIo::new(upgrade.await.map_err(io::Error::other)?));
        writer.write_all(greeting.as_bytes()).await?;
        copy(&mut reader, &mut writer).await?;
        writer.write_all(b"end of the client's direction").await?;
        writer.shutdown().await
    });
    (StatusCode::SWITCHING_PROTOCOLS, [("connection", "upgrade"), ("upgrade", "echo")]).into_response()
}

/// Keeps its stream without reading it.
async fn hold(request: Request) -> impl axum::response::IntoResponse {
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let _stream = upgrade.await;
        std::future::pending::<()>().await;
    });
    (StatusCode::SWITCHING_PROTOCOLS, [("connection", "upgrade"), ("upgrade", "echo")])
}

fn serve(config: Config) -> Served {
    let calls = Arc::<AtomicUsize>::default();
    let router = Router::new()
        .route("/echo", any(echo))
        .route("/hold", get(hold))
        .route("/slow", get(async || sleep(5 * SECOND).await))
        .route("/page", get(async || "a page"))
        .route("/private/{*path}", get(async || "a secret"))
        .route("/login", get(async || Redirect::to("/signin")))
        .route("/denied", get(async || (StatusCode::FORBIDDEN, "denied")))
        .with_state(Arc::clone(&calls));
    let ((fastcgi, listener), (http, http_listener)) = (listener(), listener());
    let (stop, stopped) = oneshot::channel();
    let serve = axum_fcgi::serve(listener, router)
        .with_config(config)
        .with_upgrades_over_http(http_listener)
        .with_graceful_shutdown(async { stopped.await.unwrap_or(()) });
    Served { fastcgi, http, calls, stop: Some(stop), task: tokio::spawn(serve.into_future()) }
}

impl Served {
    async fn send(&self, head: &str) -> DuplexStream {
        let mut io = self.http.connect();
        io.write_all(head.as_bytes()).await.unwrap();
        io
    }

    /// The response to a request on a connection of its own.
    async fn ask(&self, request_line: &str, headers: &str) -> String {
        let mut io = self.send(&format!("{request_line}\r\n{headers}\r\n")).await;
        read_to_end(&mut io).await
    }

    /// An upgraded stream, after its first line.
    async fn upgraded(&self, target: &str) -> DuplexStream {
        let mut io = self.send(&format!("GET {target} HTTP/1.1\r\n{UPGRADE}\r\n")).await;
        let head = read_until(&mut io, "\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        io
    }

    fn stop(&mut self) -> Instant {
        self.stop.take().unwrap().send(()).unwrap();
        Instant::now()
    }
}

async fn read_until(io: &mut DuplexStream, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        text.push(io.read_u8().await.unwrap().into());
    }
    text
}

async fn read_to_end(io: &mut DuplexStream) -> String {
    let mut text = Vec::new();
    // An aborted connection may end with an error.
    let _ = io.read_to_end(&mut text).await;
    String::from_utf8(text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_http_upgrade_reaches_the_handler() {
    let served = serve(Config::default());
    let headers = format!("{UPGRADE}X-Forwarded-For: 203.0.113.9, 192.0.2.7\r\n");
    let mut io = served.send(&format!("GET /echo?q=1 HTTP/1.1\r\n{headers}\r\n")).await;
    let head = read_until(&mut io, "\r\n\r\n").await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    for header in ["connection: upgrade", "upgrade: echo"] {
        assert!(head.contains(&format!("\r\n{header}\r\n")), "{head}");
    }
    assert_eq!(read_until(&mut io, "\n").await, "192.0.2.7:0 /echo?q=1 /echo?q=1\n");
    io.write_all(b"there and back").await.unwrap();
    assert_eq!(read_until(&mut io, "back").await, "there and back");
    io.shutdown().await.unwrap();
    assert_eq!(read_to_end(&mut io).await, "end of the client's direction");
}

#[tokio::test(start_paused = true)]
async fn http_without_an_upgrade_is_a_426() {
    let served = serve(Config::default());
    for (request_line, headers) in [
        ("GET /echo HTTP/1.1", "Host: a\r\n".to_owned()),
        ("GET /echo HTTP/1.1", "Host: a\r\nUpgrade: echo\r\n".to_owned()),
        ("GET /echo HTTP/1.1", "Host: a\r\nConnection: upgrade\r\n".to_owned()),
        ("GET /echo HTTP/1.0", UPGRADE.to_owned()),
        ("POST /echo HTTP/1.1", UPGRADE.to_owned()),
        ("HEAD /echo HTTP/1.1", UPGRADE.to_owned()),
        ("GET /echo HTTP/1.1", format!("{UPGRADE}Content-Length: 1\r\n")),
        ("GET /echo HTTP/1.1", format!("{UPGRADE}Transfer-Encoding: chunked\r\n")),
    ] {
        let response = served.ask(request_line, &headers).await;
        let [status, upgrade] = [" 426 ", "\r\nupgrade: websocket\r\n"].map(|part| response.contains(part));
        assert!(status && upgrade, "{request_line} {headers}: {response}");
    }
    assert_eq!(served.calls.load(Ordering::SeqCst), 0);
}

/// Otherwise `/private/../ws`, which nginx takes for `/ws` and sends as it is, would show what nginx guards as `/private`.
#[tokio::test(start_paused = true)]
async fn no_page_is_served_over_http() {
    let served = serve(Config::default());
    for (target, status, body) in [
        ("/page", "426", false),
        ("/private/x", "426", false),
        ("/private/../ws", "400", false),
        ("/private/%2e%2E/ws", "400", false),
        ("/login", "303", true),
        ("/denied", "403", true),
        ("/nowhere", "404", true),
    ] {
        let response = served.ask(&format!("GET {target} HTTP/1.1"), UPGRADE).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {response}");
        assert!(!response.contains("a page") && !response.contains("secret"), "{target}: {response}");
        assert_eq!(response.contains("upgrade: websocket"), status == "426" && !body, "{target}: {response}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_prefix_is_stripped_over_http_too() {
    let connection =
        tower_fcgi::Config::default().with_request_target(RequestTarget::StripPrefix("/app".to_owned()));
    let served = serve(Config::default().with_connection(connection));
    let mut io = served.upgraded("/app/echo?q").await;
    assert_eq!(read_until(&mut io, "\n").await, "0.0.0.0:0 /app/echo?q /echo?q\n");
    for target in ["/echo", "/apple/echo"] {
        let response = served.ask(&format!("GET {target} HTTP/1.1"), UPGRADE).await;
        assert!(response.starts_with("HTTP/1.1 404 "), "{target}: {response}");
    }
}

/// A connection over HTTP gets its service as one over FastCGI does.
#[tokio::test(start_paused = true)]
async fn make_services_serve_both_sockets() {
    let router = Router::new().route("/echo", any(echo)).with_state(Arc::default());
    let ((_fastcgi, listener), (http, http_listener)) = (listener(), listener());
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(axum_fcgi::serve(listener, service).with_upgrades_over_http(http_listener).into_future());
    let mut io = http.connect();
    let head = format!("GET /echo HTTP/1.1\r\n{UPGRADE}X-Forwarded-For: 192.0.2.7\r\n\r\n");
    io.write_all(head.as_bytes()).await.unwrap();
    assert!(read_until(&mut io, "\r\n\r\n").await.starts_with("HTTP/1.1 101 "));
    assert_eq!(read_until(&mut io, "\n").await, "192.0.2.7:0 /echo /echo\n");
}

/// The last X-Forwarded-For is the web server's; the client can send everything else.
#[tokio::test(start_paused = true)]
async fn forged_headers_over_http_are_replaced() {
    let handler = async |headers: HeaderMap| {
        let reports = |name: &str| name.contains("forwarded") || name == "x-real-ip";
        let found = headers.iter().filter(|(name, _)| reports(name.as_str()));
        let mut lines: Vec<_> =
            found.map(|(name, value)| format!("{name}={}", value.to_str().unwrap())).collect();
        lines.sort();
        (StatusCode::FORBIDDEN, lines.join("\n"))
    };
    let router = Router::new().route("/ws", get(handler)).layer(ForwardedHeaders::new());
    let ((_fastcgi, listener), (http, http_listener)) = (listener(), listener());
    tokio::spawn(axum_fcgi::serve(listener, router).with_upgrades_over_http(http_listener).into_future());
    let forged = "X-Real-IP: 6.6.6.6\r\nForwarded: for=6.6.6.6;proto=https\r\nX-Forwarded-Proto: https\r\n\
        X-Forwarded-Host: evil.example\r\nX-Forwarded-Port: 666\r\nX-Forwarded-User: root\r\n";
    for (web_server, expected) in [
        (
            "X-Forwarded-For: 6.6.6.6, 192.0.2.7\r\n",
            "forwarded=for=192.0.2.7;host=a\nx-forwarded-for=192.0.2.7\nx-forwarded-host=a\nx-real-ip=192.0.2.7",
        ),
        ("", "forwarded=host=a\nx-forwarded-host=a"),
    ] {
        let mut io = http.connect();
        let head = format!("GET /ws HTTP/1.1\r\n{UPGRADE}{forged}{web_server}\r\n");
        io.write_all(head.as_bytes()).await.unwrap();
        let response = read_to_end(&mut io).await;
        assert_eq!(response.split_once("\r\n\r\n").unwrap().1, expected, "{response}");
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_ends_the_clients_direction() {
    let mut served = serve(Config::default());
    let mut io = served.upgraded("/echo").await;
    read_until(&mut io, "\n").await;
    let mut idle = served.http.connect();
    sleep(SECOND).await;
    let stopped_at = served.stop();
    assert_eq!(read_to_end(&mut io).await, "end of the client's direction");
    assert!(stopped_at.elapsed() < SECOND);
    // A connection without a request, such as a health check.
    assert_eq!(read_to_end(&mut idle).await, "");
    served.task.await.unwrap().unwrap();
    assert_eq!(stopped_at.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_a_first_request_over_http() {
    let mut served = serve(Config::default());
    let mut io = served.http.connect();
    sleep(SECOND).await;
    served.stop();
    sleep(SECOND * 9 / 10).await;
    io.write_all(format!("GET /denied HTTP/1.1\r\n{UPGRADE}\r\n").as_bytes()).await.unwrap();
    let response = read_to_end(&mut io).await;
    assert!(response.starts_with("HTTP/1.1 403 "), "{response}");
    served.task.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_the_rest_of_an_http_head() {
    let mut served = serve(Config::default());
    let mut io = served.send("GET /denied HTTP/1.1\r\n").await;
    sleep(SECOND).await;
    served.stop();
    sleep(5 * SECOND).await;
    io.write_all(format!("{UPGRADE}\r\n").as_bytes()).await.unwrap();
    let response = read_to_end(&mut io).await;
    assert!(response.starts_with("HTTP/1.1 403 "), "{response}");
    served.task.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_deadline_cuts_the_wait_for_an_http_request() {
    let mut served = serve(Config::default().with_shutdown_timeout(SECOND / 2));
    let mut io = served.http.connect();
    sleep(SECOND).await;
    let stopped_at = served.stop();
    assert_eq!(read_to_end(&mut io).await, "");
    served.task.await.unwrap().unwrap();
    assert_eq!(stopped_at.elapsed().as_millis() / 100, 5);
}

/// Gives the signal for a shutdown with the next connection.
struct StopsAtAccept(TcpListener, Option<oneshot::Sender<()>>);

impl Listener for StopsAtAccept {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        let (io, peer) = Listener::accept(&mut self.0).await;
        if let Some(stop) = self.1.take() {
            stop.send(()).unwrap();
        }
        // tokio 1.54 reads an accepted socket at once. Earlier ones wait until the system reports bytes, as for this one.
        (TcpStream::from_std(io.into_std().unwrap()).unwrap(), peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

#[tokio::test]
async fn shutdown_serves_a_request_sent_over_http() {
    let (stop, stopped) = oneshot::channel();
    let fastcgi = StopsAtAccept(TcpListener::bind("127.0.0.1:0").await.unwrap(), None);
    let http = StopsAtAccept(TcpListener::bind("127.0.0.1:0").await.unwrap(), Some(stop));
    let mut io = TcpStream::connect(http.local_addr().unwrap()).await.unwrap();
    io.write_all(format!("GET /denied HTTP/1.1\r\n{UPGRADE}\r\n").as_bytes()).await.unwrap();
    let router = Router::new().route("/denied", get(async || (StatusCode::FORBIDDEN, "denied")));
    let serve = axum_fcgi::serve(fastcgi, router)
        .with_upgrades_over_http(http)
        .with_graceful_shutdown(async { stopped.await.unwrap_or(()) });
    let task = tokio::spawn(serve.into_future());
    let mut response = String::new();
    io.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 403 "), "{response:?}");
    task.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_a_request_over_http() {
    let mut served = serve(Config::default());
    let mut io = served.send(&format!("GET /slow HTTP/1.1\r\n{UPGRADE}\r\n")).await;
    sleep(SECOND).await;
    let stopped_at = served.stop();
    let response = read_to_end(&mut io).await;
    assert!(response.starts_with("HTTP/1.1 426 "), "{response}");
    served.task.await.unwrap().unwrap();
    assert_eq!(stopped_at.elapsed().as_secs(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_aborted_at_the_deadline() {
    let (log, _guard) = Log::start();
    let mut served = serve(Config::default().with_shutdown_timeout(3 * SECOND));
    let mut held = served.upgraded("/hold").await;
    let mut slow = served.send(&format!("GET /slow HTTP/1.1\r\n{UPGRADE}\r\n")).await;
    sleep(SECOND).await;
    let stopped_at = served.stop();
    assert_eq!(read_to_end(&mut slow).await, "");
    served.task.await.unwrap().unwrap();
    // The handler still holds its stream: a quarter of a second more.
    assert_eq!(stopped_at.elapsed().as_millis() / 10, 325);
    let warnings = log.warnings();
    let line = warnings.last().unwrap();
    assert!(line.contains("connections=1 peers=[\"()\"] "), "{line}");
    assert!(line.contains("upgraded connections of the HTTP socket do not end"), "{line}");
    drop(held.write_all(b"late").await);
}

#[tokio::test(start_paused = true)]
async fn upgraded_streams_count_as_connections() {
    let served = serve(Config::default().with_max_connections(1));
    let mut io = served.upgraded("/echo").await;
    let mut fastcgi = served.fastcgi.connect();
    fastcgi.write_all(&wire::get("/page", false)).await.unwrap();
    let mut response = Vec::new();
    let early = tokio::time::timeout(10 * SECOND, fastcgi.read_to_end(&mut response)).await;
    assert!(early.is_err() && response.is_empty(), "the connection waits");
    io.shutdown().await.unwrap();
    read_to_end(&mut io).await;
    fastcgi.read_to_end(&mut response).await.unwrap();
    assert!(String::from_utf8_lossy(&response).contains("a page"));
}

#[tokio::test(start_paused = true)]
async fn the_idle_timeout_applies_over_http_too() {
    let connection = tower_fcgi::Config::default().with_upgrade_idle_timeout(10 * SECOND);
    let served = serve(Config::default().with_connection(connection));
    let mut io = served.upgraded("/echo").await;
    read_until(&mut io, "\n").await;
    for _ in 0..3 {
        sleep(8 * SECOND).await;
        io.write_all(b"x").await.unwrap();
        assert_eq!(read_until(&mut io, "x").await, "x");
    }
    let last = Instant::now();
    assert_eq!(read_to_end(&mut io).await, "");
    assert_eq!(last.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn an_http_head_must_arrive_in_time() {
    let served = serve(Config::default());
    let mut io = served.send("GET /echo HTTP/1.1\r\n").await;
    let start = Instant::now();
    read_to_end(&mut io).await;
    assert_eq!(start.elapsed().as_secs(), 60);
}
