//! What `accept` does when descriptors run out, and when there are many.

use std::fs::File;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use rustix::time::{ClockId, clock_gettime};
use tokio::net::{TcpListener, TcpStream};

use crate::wire;

/// Set in the process whose descriptors are limited.
const LIMITED: &str = "AXUM_FCGI_TEST_LIMITED";

#[test]
fn without_descriptors_accept_backs_off_and_goes_on_when_there_are_some_again() {
    let name = "accept::without_descriptors_accept_backs_off_and_goes_on_when_there_are_some_again";
    with_descriptors(48, name, in_few_descriptors);
}

#[test]
fn more_than_1024_descriptors_work() {
    with_descriptors(4096, "accept::more_than_1024_descriptors_work", with_many_connections);
}

/// The limit is a whole process's, so the test `name` runs itself again in one of its own.
fn with_descriptors(limit: u32, name: &str, test: fn()) {
    if std::env::var_os(LIMITED).is_some() {
        return test();
    }
    let this = std::env::current_exe().unwrap();
    let output = Command::new("sh")
        .args(["-c", "ulimit -n $2 && exec \"$0\" --exact --nocapture \"$1\""])
        .arg(this)
        .arg(name)
        .arg(limit.to_string())
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
        // All of them are still there.
        for io in &mut open {
            assert!(wire::ask(io, &wire::get("/", true)).await.unwrap().ends_with("served"));
        }
    });
}

fn in_few_descriptors() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let addr = serve().await;
        let mut first = TcpStream::connect(addr).await.unwrap();
        assert!(wire::ask(&mut first, &wire::get("/", true)).await.unwrap().ends_with("served"));
        // Nothing else has a turn before the next `await`, so accept finds these when there is no descriptor left.
        let waiting = [(); 3].map(|()| std::net::TcpStream::connect(addr).unwrap());
        let mut taken = Vec::new();
        while let Ok(file) = File::open("/dev/null") {
            taken.push(file);
        }
        let before = cpu_time();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let spent = cpu_time() - before;
        assert!(spent < Duration::from_millis(50), "accept is a hot loop: {spent:?}");
        assert!(wire::ask(&mut first, &wire::get("/", true)).await.unwrap().ends_with("served"));
        drop(taken);
        for io in waiting {
            io.set_nonblocking(true).unwrap();
            let mut io = TcpStream::from_std(io).unwrap();
            assert!(wire::ask(&mut io, &wire::get("/", true)).await.unwrap().ends_with("served"));
        }
    });
}

/// What this thread has had of a processor.
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
