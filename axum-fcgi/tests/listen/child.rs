//! Tests of inherited descriptors and variables: they run themselves again in a new process.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use axum::Router;
use axum::routing::get;
use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::wire;

/// Set in the process that a test starts; some tests pass their expectation in it.
const CHILD: &str = "AXUM_FCGI_TEST_CHILD";

/// The expectation, in a process that a test has started.
pub(crate) fn expectation() -> Option<String> {
    std::env::var(CHILD).ok()
}

/// A command that runs the test `name` again. The shell code `setup` comes before it, and ends with `exec` or
/// a variable for it.
pub(crate) fn again(name: &str, setup: &str, redirections: &str, expectation: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!(r#"{setup} "$0" --exact --nocapture "$1" {redirections}"#)])
        .arg(std::env::current_exe().unwrap())
        .arg(name)
        .env(CHILD, expectation)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Starts it and drops the inherited sockets here: a socket is open as long as any process has it.
pub(crate) fn start(mut command: Command) -> Child {
    command.spawn().unwrap()
}

/// Waits for the process to end; the test in it must have passed.
pub(crate) fn passed(child: Child) {
    let output = child.wait_with_output().unwrap();
    let text =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// Serves until a request for `/stop`.
pub(crate) async fn serve_until_stopped<L>(listener: L)
where
    L: Listener,
    L::Addr: std::fmt::Debug,
{
    let (stop, mut stopped) = mpsc::channel::<()>(1);
    let stop = get(async move || {
        stop.send(()).await.unwrap();
        "stopped"
    });
    let router = Router::new().route("/", get(async || "served")).route("/stop", stop);
    let signal = async move { stopped.recv().await.unwrap_or(()) };
    axum_fcgi::serve(listener, router).with_graceful_shutdown(signal).await.unwrap();
}

/// Requests the page, and then a stop.
pub(crate) async fn ask_and_stop(mut io: impl AsyncRead + AsyncWrite + Unpin) {
    assert!(wire::ask(&mut io, &wire::get("/", true)).await.unwrap().ends_with("served"));
    assert!(wire::ask(&mut io, &wire::get("/stop", true)).await.unwrap().ends_with("stopped"));
}

/// Asserts that no process serves at `addr` any more.
///
/// The kernel may still accept a connection there and drop it: a process that another test has just started
/// holds this one's sockets until its `exec`.
pub(crate) async fn nobody_serves(addr: SocketAddr) {
    if let Ok(mut io) = TcpStream::connect(addr).await {
        wire::ask(&mut io, &wire::get("/", true)).await.unwrap_err();
    }
}
