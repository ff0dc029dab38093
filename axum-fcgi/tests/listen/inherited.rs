//! The address `auto`.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use axum_fcgi::{Address, FcgiListener};
use tokio::net::TcpStream;

use crate::child;

fn tcp() -> (OwnedFd, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    (listener.into(), addr)
}

#[tokio::test]
async fn auto_takes_fd_0_or_what_systemd_passes() {
    const NAME: &str = "inherited::auto_takes_fd_0_or_what_systemd_passes";
    if child::expectation().is_some() {
        return child::serve_until_stopped(FcgiListener::bind(&Address::Auto).unwrap()).await;
    }
    for (setup, redirections) in [
        ("exec", ""),
        ("LISTEN_PID=$$ LISTEN_FDS=1 exec", "3<&0 </dev/null"),
        ("LISTEN_PID=1 LISTEN_FDS=1 exec", ""),
    ] {
        let (socket, addr) = tcp();
        let mut command = child::again(NAME, setup, redirections, "");
        command.stdin(socket);
        let started = child::start(command);
        child::ask_and_stop(TcpStream::connect(addr).await.unwrap()).await;
        child::passed(started);
    }
}

#[tokio::test]
async fn without_a_socket_auto_says_what_it_tried() {
    const NAME: &str = "inherited::without_a_socket_auto_says_what_it_tried";
    if child::expectation().is_some() {
        let error = FcgiListener::bind(&Address::Auto).unwrap_err().to_string();
        for part in
            ["LISTEN_FDS is not set", "fd 0 is a pipe", ".socket unit", "mod_fcgid", "spawn-fcgi", "unix:/"]
        {
            assert!(error.contains(part), "{part} is missing in: {error}");
        }
        return;
    }
    let mut command = child::again(NAME, "unset LISTEN_FDS; exec", "", "");
    command.stdin(Stdio::piped());
    child::passed(child::start(command));
}
