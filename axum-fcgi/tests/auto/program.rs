//! The program that the tests start.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;
use std::{env, io};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::extract::connect_info::Connected;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{any, get};
use axum_fcgi::{Config, FcgiListener, FcgiStream, IncomingStream, ServeAuto, Stderr, serve_auto};
use futures_util::stream;
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::runtime;
use tokio::sync::Notify;

use crate::log;

pub(crate) fn run() -> ExitCode {
    let mut builder = match env::var_os("THREADS") {
        Some(_) => runtime::Builder::new_multi_thread(),
        None => runtime::Builder::new_current_thread(),
    };
    let runtime = builder.enable_all().build().unwrap();
    if env::var_os("LOG").is_some() {
        log::print_all();
    }
    let served = runtime.block_on(async {
        match env::var("FORM").as_deref() {
            Err(_) => configured(serve_auto(app())).await,
            Ok("connect info") => serve_auto(app().into_make_service_with_connect_info::<SocketAddr>()).await,
            Ok(_) => serve_auto(app().into_make_service_with_connect_info::<WebServer>()).await,
        }
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ended: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Sets what the environment says.
fn configured<M, K>(mut serve: ServeAuto<M, K>) -> ServeAuto<M, K> {
    if let Ok(limit) = env::var("SHUTDOWN_MILLISECONDS") {
        let limit = Duration::from_millis(limit.parse().unwrap());
        serve = serve.with_config(Config::default().with_shutdown_timeout(limit));
    }
    if let Ok(handle) = env::var("HANGUP") {
        serve = serve.with_hangup_shutdown(handle == "always");
    }
    serve.with_graceful_shutdown(STOP.notified())
}

/// The application's own signal.
static STOP: Notify = Notify::const_new();

/// The address and the kind of the web server's connection.
#[derive(Debug, Clone)]
struct WebServer(String);

impl Connected<IncomingStream<'_, FcgiListener>> for WebServer {
    fn connect_info(stream: IncomingStream<'_, FcgiListener>) -> Self {
        let kind = match stream.io() {
            FcgiStream::Unix(_) => "a unix socket",
            _ => "TCP",
        };
        Self(format!("{} {kind}", stream.remote_addr()))
    }
}

fn app() -> Router {
    Router::new()
        .route("/", get(async || "served"))
        .route("/web-socket", get(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(async |_| ())))
        .route("/pid", get(async || std::process::id().to_string()))
        .route("/echo", any(async |body: Bytes| body))
        .route("/early", any(async || "early"))
        .route("/proxy", get(async |headers: HeaderMap| format!("{:?}", headers.get("proxy"))))
        .route("/client", get(async |ConnectInfo(client): ConnectInfo<SocketAddr>| client.ip().to_string()))
        .route("/web-server", get(async |ConnectInfo(WebServer(server)): ConnectInfo<WebServer>| server))
        .route("/panic", get(async || -> &str { panic!("a bug") }))
        .route("/breaks", get(async || Body::from_stream(breaks())))
        .route("/endless", get(async || Body::from_stream(endless())))
        .route("/prints", get(prints))
        .route("/wait", get(wait))
        .route("/slow", get(slow))
        .route("/block", get(block))
        .route("/blocking-work", get(blocking_work))
        .route("/no-threads", get(async || allow_no_thread()))
        .route("/stop", get(async || STOP.notify_one()))
}

/// Leaves less memory than a thread's stack needs.
fn allow_no_thread() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")?.strip_suffix("kB")).unwrap();
    let limit = (size.trim().parse::<u64>().unwrap() + 1024) * 1024;
    setrlimit(Resource::As, Rlimit { current: Some(limit), maximum: Some(limit) }).unwrap();
}

/// A part of a body, and then an error; the pause lets the part be sent.
fn breaks() -> impl stream::Stream<Item = io::Result<&'static str>> + Send {
    stream::unfold(0, async |at| {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let chunk = if at == 0 { Ok("some") } else { Err(io::Error::other("the source is gone")) };
        Some((chunk, at + 1))
    })
}

fn endless() -> impl stream::Stream<Item = Result<String, Infallible>> + Send {
    stream::unfold((), async |()| Some((Ok("x".repeat(64 * 1024)), ())))
}

/// What is on the descriptors 0 and 1, for this program and for its children.
async fn prints(stderr: Stderr) -> String {
    println!("printed");
    let _ = stderr.write("a line for the log").await;
    let echo = Command::new("/bin/echo").arg("echoed").status().unwrap();
    let cat = Command::new("/bin/cat").stdin(Stdio::inherit()).output().unwrap();
    format!("{} {:?}", echo.success(), String::from_utf8_lossy(&cat.stdout))
}

async fn wait() -> Response {
    eprintln!("waiting");
    std::future::pending().await
}

/// Blocks its thread, and never ends.
async fn block() {
    eprintln!("waiting");
    loop {
        std::thread::park();
    }
}

/// Waits for work that never ends, on a thread for blocking work.
async fn blocking_work() {
    let work = || {
        eprintln!("waiting");
        loop {
            std::thread::park();
        }
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

async fn slow() -> &'static str {
    eprintln!("waiting");
    tokio::time::sleep(Duration::from_millis(300)).await;
    "slow"
}
