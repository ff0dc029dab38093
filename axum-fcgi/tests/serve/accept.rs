//! What `accept` does when descriptors run out, and when there are many.

use std::net::SocketAddr;
use std::process::Command;

use axum::Router;
use axum::routing::get;
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
        // Both ends are in this process: somewhere in here accept finds no descriptor, then neither does
        // connect.
        let mut open = Vec::new();
        while let Ok(io) = TcpStream::connect(addr).await {
            open.push(io);
            tokio::task::yield_now().await;
        }
        assert!(open.len() < 48);
        // The first ones were accepted before that, and are served beside it.
        assert!(wire::ask(&mut open[0], &wire::get("/", true)).await.unwrap().ends_with("served"));
        let last = open.pop().unwrap();
        drop(open);
        // This one was in the backlog or accepted; once there are descriptors it is served like any other.
        let mut last = last;
        assert!(wire::ask(&mut last, &wire::get("/", true)).await.unwrap().ends_with("served"));
    });
}

async fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let router = Router::new().route("/", get(async || "served"));
    tokio::spawn(axum_fcgi::serve(listener, router).into_future());
    addr
}
