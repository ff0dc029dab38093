//! `accept` without free descriptors, and with many of them.

use std::fs::File;
use std::future::Future;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use axum::serve::{Listener, ListenerExt as _};
use axum_fcgi::{AllowList, AllowListener, Config, FcgiListener, Listeners};
use fcgi_core::{RecordHeader, RecordType, RequestId};
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::log::Log;
use crate::wire;

/// Set in the process with limited descriptors.
const LIMITED: &str = "AXUM_FCGI_TEST_LIMITED";

#[test]
fn accept_backs_off_without_descriptors_and_resumes() {
    let name = "accept::accept_backs_off_without_descriptors_and_resumes";
    with_descriptors("-n 48", name, with_few_descriptors);
}

#[test]
fn without_descriptors_the_longest_idle_is_evicted() {
    let name = "accept::without_descriptors_the_longest_idle_is_evicted";
    with_descriptors("-n 80", name, || in_a_runtime(without_descriptors()));
}

#[test]
fn max_connections_is_capped_by_the_descriptors() {
    let name = "accept::max_connections_is_capped_by_the_descriptors";
    with_descriptors("-n 100", name, || in_a_runtime(capped()));
}

#[test]
fn the_soft_limit_is_raised_as_far_as_needed() {
    let name = "accept::the_soft_limit_is_raised_as_far_as_needed";
    with_descriptors("-Sn 64", name, || in_a_runtime(raised()));
}

#[test]
fn more_than_1024_descriptors_work() {
    with_descriptors("-n 4096", "accept::more_than_1024_descriptors_work", with_many_connections);
}

/// The limit applies to a whole process, so the test `name` runs itself again in a new one.
pub(crate) fn with_descriptors(limit: &str, name: &str, test: fn()) {
    if std::env::var_os(LIMITED).is_some() {
        return test();
    }
    let this = std::env::current_exe().unwrap();
    let output = Command::new("sh")
        .args(["-c", "ulimit $2 && exec \"$0\" --exact --nocapture \"$1\""])
        .arg(this)
        .arg(name)
        .arg(limit)
        .env(LIMITED, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{errors}");
}

fn with_many_connections() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let addr = serve().await;
        let mut open = Vec::new();
        for _ in 0..1200 {
            let mut io = TcpStream::connect(addr).await.unwrap();
            assert!(wire::ask(&mut io, &wire::get("/", true)).await.unwrap().ends_with("served"));
            open.push(io);
        }
        // All of them are still open.
        for io in &mut open {
            assert!(wire::ask(io, &wire::get("/", true)).await.unwrap().ends_with("served"));
        }
    });
}

fn with_few_descriptors() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let addr = serve().await;
        // A connection with a request in flight: an idle one would be closed for a waiting one.
        let mut first = TcpStream::connect(addr).await.unwrap();
        let request = wire::get("/", true);
        let (begin, rest) = request.split_at(40);
        let query = RecordHeader::new(RecordType::GET_VALUES, RequestId::NULL, 0).encode();
        first.write_all(&query).await.unwrap();
        first.read_exact(&mut [0; RecordHeader::LEN]).await.unwrap();
        first.write_all(begin).await.unwrap();
        // Nothing else runs before the next `await`, so `accept` finds these when no descriptor is left.
        let waiting = [(); 3].map(|()| std::net::TcpStream::connect(addr).unwrap());
        let mut taken = Vec::new();
        while let Ok(file) = File::open("/dev/null") {
            taken.push(file);
        }
        let before = cpu_time();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let spent = cpu_time() - before;
        assert!(spent < Duration::from_millis(50), "accept loops without a pause: {spent:?}");
        assert!(wire::ask(&mut first, rest).await.unwrap().ends_with("served"));
        drop(taken);
        for io in waiting {
            io.set_nonblocking(true).unwrap();
            let mut io = TcpStream::from_std(io).unwrap();
            assert!(wire::ask(&mut io, &wire::get("/", true)).await.unwrap().ends_with("served"));
        }
    });
}

fn in_a_runtime(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

async fn bind() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (listener.local_addr().unwrap(), listener)
}

fn router() -> Router {
    Router::new().route("/", get(async || "served"))
}

async fn without_descriptors() {
    let (addr, listener) = bind().await;
    evicts_the_longest_idle(addr, listener).await;
    let (addr, listener) = bind().await;
    evicts_the_longest_idle(addr, FcgiListener::from(listener)).await;
    let (addr, listener) = bind().await;
    let listeners = Listeners::new(listener).and(bind().await.1);
    evicts_the_longest_idle(addr, AllowListener::new(listeners, AllowList::loopback())).await;
    let (addr, listener) = bind().await;
    evicts_the_longest_idle(addr, FcgiListener::from(listener).tap_io(|_| {})).await;
    // A listener that hides the error.
    let (addr, listener) = bind().await;
    evicts_the_longest_idle(addr, listener.tap_io(|_| {})).await;
}

/// With idle connections, and no descriptor for the next one.
async fn evicts_the_longest_idle<L>(addr: SocketAddr, listener: L)
where
    L: Listener<Addr: std::fmt::Debug>,
{
    let serve = axum_fcgi::serve(listener, router()).with_config(Config::default().with_max_connections(16));
    let serve = tokio::spawn(serve.into_future());
    let mut kept = Vec::new();
    for _ in 0..3 {
        let mut io = TcpStream::connect(addr).await.unwrap();
        assert!(wire::ask(&mut io, &wire::get("/", true)).await.unwrap().ends_with("served"));
        kept.push(io);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let (log, _guard) = Log::start();
    let new = std::net::TcpStream::connect(addr).unwrap();
    new.set_nonblocking(true).unwrap();
    let mut new = TcpStream::from_std(new).unwrap();
    let mut taken = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
    }
    let request = wire::get("/", true);
    let response = tokio::time::timeout(Duration::from_secs(60), wire::ask(&mut new, &request));
    assert!(response.await.expect("the new connection starved").unwrap().ends_with("served"));
    assert_eq!(kept[0].read(&mut [0; 1]).await.unwrap(), 0, "the longest idle connection must be closed");
    drop(taken);
    // The second one may have been closed too: Linux's `accept` fails without a descriptor even if no
    // connection waits.
    for io in &mut kept[2..] {
        assert!(wire::ask(io, &wire::get("/", true)).await.unwrap().ends_with("served"));
    }
    let warnings = log.warnings();
    let [line] = &*warnings else { panic!("{warnings:?}") };
    assert!(line.contains("no connection can be accepted; retrying") && line.contains("count=1 "), "{line}");
    assert!(
        line.contains("error=no file descriptor is left") || line.contains("error=Too many open files"),
        "{line}"
    );
    serve.abort();
    assert!(serve.await.unwrap_err().is_cancelled());
}

/// The response to a web server's query for the number of connections.
async fn advertised(config: Config) -> String {
    let (addr, listener) = bind().await;
    let serve = tokio::spawn(axum_fcgi::serve(listener, router()).with_config(config).into_future());
    let mut query = Vec::new();
    fcgi_core::encode_pair(&mut query, b"FCGI_MAX_CONNS", b"");
    let header = RecordHeader::new(RecordType::GET_VALUES, RequestId::NULL, query.len().try_into().unwrap());
    let mut io = TcpStream::connect(addr).await.unwrap();
    io.write_all(&[&header.encode()[..], &query].concat()).await.unwrap();
    let mut header = [0; RecordHeader::LEN];
    io.read_exact(&mut header).await.unwrap();
    let mut result = vec![0; RecordHeader::decode(header).unwrap().content_len.into()];
    io.read_exact(&mut result).await.unwrap();
    serve.abort();
    String::from_utf8(result).unwrap().split_off(2 + "FCGI_MAX_CONNS".len())
}

async fn capped() {
    let (log, _guard) = Log::start();
    // 32 are reserved for the rest of the program.
    assert_eq!(advertised(Config::default()).await, "68");
    let warnings = log.warnings();
    let numbers = ["max_connections", "16384", "68", "100"];
    assert!(warnings.len() == 1 && numbers.iter().all(|number| warnings[0].contains(number)), "{warnings:?}");
    assert_eq!(advertised(Config::default().with_max_connections(68)).await, "68");
    assert_eq!(log.warnings().len(), 1);
}

async fn raised() {
    let soft = || getrlimit(Resource::Nofile).current;
    let (log, _guard) = Log::start();
    let config = Config::default().with_max_connections(200);
    assert_eq!(advertised(config.clone().with_raise_descriptor_limit(false)).await, "32");
    assert_eq!((soft(), log.warnings().len()), (Some(64), 1));
    assert_eq!(advertised(config).await, "200");
    assert_eq!((soft(), log.warnings().len()), (Some(232), 1));
    // The limit is never lowered.
    assert_eq!(advertised(Config::default().with_max_connections(10)).await, "10");
    assert_eq!(soft(), Some(232));
}

/// The CPU time of this thread.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

async fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let router = Router::new().route("/", get(async || "served"));
    tokio::spawn(axum_fcgi::serve(listener, router).into_future());
    addr
}
