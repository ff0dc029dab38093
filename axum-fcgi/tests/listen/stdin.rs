//! fd 0, as Apache's mod_fcgid, lighttpd, H2O and spawn-fcgi pass it.

use std::fs::File;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};

use axum_fcgi::FcgiListener;
use rustix::pty::OpenptFlags;
use tokio::net;

use crate::child;

#[tokio::test]
async fn a_tcp_socket_at_fd_0_is_served() {
    const NAME: &str = "stdin::a_tcp_socket_at_fd_0_is_served";
    if child::expectation().is_some() {
        return child::serve_until_stopped(FcgiListener::from_stdin().unwrap()).await;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let mut command = child::again(NAME, "exec", "", "");
    command.stdin(OwnedFd::from(listener));
    let started = child::start(command);
    child::ask_and_stop(net::TcpStream::connect(addr).await.unwrap()).await;
    child::passed(started);
}

#[tokio::test]
async fn an_inherited_unix_socket_at_fd_0_keeps_its_file() {
    const NAME: &str = "stdin::an_inherited_unix_socket_at_fd_0_keeps_its_file";
    if child::expectation().is_some() {
        return child::serve_until_stopped(FcgiListener::from_stdin().unwrap()).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sock");
    let mut command = child::again(NAME, "exec", "", "");
    command.stdin(OwnedFd::from(UnixListener::bind(&path).unwrap()));
    let started = child::start(command);
    child::ask_and_stop(net::UnixStream::connect(&path).await.unwrap()).await;
    child::passed(started);
    assert!(path.exists());
}

#[tokio::test]
async fn fd_0_is_taken_once_and_closed_with_its_listener() {
    const NAME: &str = "stdin::fd_0_is_taken_once_and_closed_with_its_listener";
    if let Some(addr) = child::expectation() {
        let listener = FcgiListener::from_stdin().unwrap();
        assert_eq!(listener.local_addr().unwrap().to_string(), addr);
        let again = FcgiListener::from_stdin().unwrap_err().to_string();
        assert!(again.starts_with("fd 0 is closed, or /dev/null"), "{again}");
        let read = Command::new("cat").stdin(Stdio::inherit()).output().unwrap();
        assert!(read.status.success() && read.stdout.is_empty(), "{read:?}");
        drop(listener);
        return child::nobody_serves(addr.parse().unwrap()).await;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let mut command = child::again(NAME, "exec", "", &addr.to_string());
    command.stdin(OwnedFd::from(listener));
    child::passed(child::start(command));
}

#[tokio::test]
async fn fd_0_that_is_no_listening_socket_is_an_error() {
    const NAME: &str = "stdin::fd_0_that_is_no_listening_socket_is_an_error";
    if let Some(expected) = child::expectation() {
        let error = FcgiListener::from_stdin().unwrap_err().to_string();
        assert!(error.starts_with(&format!("fd 0 is {expected};")), "{error}");
        for way in ["mod_fcgid", "bin-path", "fastcgi.spawn", "spawn-fcgi", "unix:/run/app.sock"] {
            assert!(error.contains(way), "{way} is missing in: {error}");
        }
        return;
    }
    let (connected, _web_server) = UnixStream::pair().unwrap();
    let (terminal, _controller) = terminal();
    for (stdin, redirection, expected) in [
        (terminal.into(), "", "a terminal"),
        (Stdio::piped(), "", "a pipe"),
        (File::open(std::env::current_exe().unwrap()).unwrap().into(), "", "a file"),
        (Stdio::null(), "", "closed, or /dev/null"),
        (Stdio::null(), "<&-", "closed, or /dev/null"),
        (OwnedFd::from(connected).into(), "", "a connected socket, not a listening one"),
    ] {
        let mut command = child::again(NAME, "exec", redirection, expected);
        command.stdin(stdin);
        child::passed(child::start(command));
    }
}

/// A terminal, and the terminal emulator's end of it.
fn terminal() -> (File, OwnedFd) {
    let controller = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    rustix::pty::grantpt(&controller).unwrap();
    rustix::pty::unlockpt(&controller).unwrap();
    let name = rustix::pty::ptsname(&controller, Vec::new()).unwrap();
    (File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap(), controller)
}
