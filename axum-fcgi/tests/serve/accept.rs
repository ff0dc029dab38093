//! What `accept` meets when descriptors run out.

use std::process::Command;

use axum::Router;
use axum::routing::get;
use tokio::net::{TcpListener, TcpStream};

use crate::wire;

/// Set in the process that has few descriptors.
const FEW: &str = "AXUM_FCGI_TEST_FEW_DESCRIPTORS";

/// The limit is a whole process's, so the test runs itself again in one of its own.
#[test]
fn without_descriptors_accept_backs_off_and_goes_on_when_there_are_some_again() {
    if std::env::var_os(FEW).is_some() {
        return in_few_descriptors();
    }
    let this = std::env::current_exe().unwrap();
    let name = "accept::without_descriptors_accept_backs_off_and_goes_on_when_there_are_some_again";
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 48 && exec \"$0\" --exact --nocapture \"$1\""])
        .arg(this)
        .arg(name)
        .env(FEW, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn in_few_descriptors() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(async || "served"));
        tokio::spawn(axum_fcgi::serve(listener, router).into_future());
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
