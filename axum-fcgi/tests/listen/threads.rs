//! Hosts with a limit on processes, which includes threads.

use std::fs;

use axum_fcgi::{FcgiListener, UnixSocket};
use tokio::net::UnixStream;

use crate::child;

#[test]
fn a_current_thread_runtime_starts_no_threads() {
    const NAME: &str = "threads::a_current_thread_runtime_starts_no_threads";
    if child::expectation().is_none() {
        return child::passed(child::start(child::again(NAME, "exec", "", "")));
    }
    let threads = || fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sock");
        let listener: FcgiListener = UnixSocket::new(&path).bind().unwrap();
        let client = async { child::ask_and_stop(UnixStream::connect(&path).await.unwrap()).await };
        tokio::join!(child::serve_until_stopped(listener), client);
    });
    assert_eq!(threads(), before);
}
