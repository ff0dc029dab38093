//! Sockets that systemd passes.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;

use axum_fcgi::{Address, FcgiListener, Listeners};
use tokio::net;

use crate::child;

/// A command that runs the test again, with these two sockets as descriptors 3 and 4. It prints to stderr.
fn with_sockets(name: &str, variables: &str, sockets: [OwnedFd; 2], expectation: &str) -> Command {
    let mut command =
        child::again(name, &format!("{variables} exec"), "3<&0 4<&1 </dev/null 1>&2", expectation);
    let [third, fourth] = sockets;
    command.stdin(third).stdout(fourth);
    command
}

fn tcp() -> (OwnedFd, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    (listener.into(), addr)
}

#[tokio::test]
async fn sockets_are_taken_by_their_names_and_each_once() {
    const NAME: &str = "systemd::sockets_are_taken_by_their_names_and_each_once";
    if let Some(addr) = child::expectation() {
        let error = FcgiListener::from_systemd(None).unwrap_err().to_string();
        assert!(error.contains("2 sockets") && error.contains("systemd:web, systemd:admin"), "{error}");
        let error = FcgiListener::from_systemd(Some("other")).unwrap_err().to_string();
        assert!(
            error.contains(r#"named "other""#) && error.contains("systemd:web, systemd:admin"),
            "{error}"
        );
        let admin = FcgiListener::from_systemd(Some("admin")).unwrap();
        assert_eq!(admin.local_addr().unwrap().to_string(), addr);
        let error = FcgiListener::from_systemd(Some("admin")).unwrap_err().to_string();
        assert!(error.contains("systemd:web") && !error.contains("systemd:admin"), "{error}");
        let web = FcgiListener::bind("systemd:web").unwrap();
        let error = FcgiListener::from_systemd(None).unwrap_err().to_string();
        assert_eq!(error, "systemd's sockets are all taken already");
        return child::serve_until_stopped(Listeners::new(web).and(admin)).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sock");
    let unix = UnixListener::bind(&path).unwrap();
    let (tcp, addr) = tcp();
    let variables = "LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:admin";
    let started = child::start(with_sockets(NAME, variables, [unix.into(), tcp], &addr));
    let mut first = net::UnixStream::connect(&path).await.unwrap();
    let response = crate::wire::ask(&mut first, &crate::wire::get("/", true)).await.unwrap();
    assert!(response.ends_with("served"));
    child::ask_and_stop(net::TcpStream::connect(addr).await.unwrap()).await;
    child::passed(started);
    assert!(path.exists(), "the file belongs to systemd");
}

#[tokio::test]
async fn all_sockets_of_one_name_can_be_served_at_once() {
    const NAME: &str = "systemd::all_sockets_of_one_name_can_be_served_at_once";
    if child::expectation().is_some() {
        let addresses: [Address; 1] = ["systemd:app.socket".parse().unwrap()];
        return child::serve_until_stopped(Listeners::bind(&addresses).unwrap()).await;
    }
    let ((one, _), (two, addr)) = (tcp(), tcp());
    let variables = "LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=app.socket:app.socket";
    let started = child::start(with_sockets(NAME, variables, [one, two], ""));
    child::ask_and_stop(net::TcpStream::connect(addr).await.unwrap()).await;
    child::passed(started);
}

#[tokio::test]
async fn a_wrong_listen_pid_leaves_the_sockets_alone() {
    const NAME: &str = "systemd::a_wrong_listen_pid_leaves_the_sockets_alone";
    if let Some(expected) = child::expectation() {
        for address in ["systemd", "systemd:unknown", "auto"] {
            let error = FcgiListener::bind(address).unwrap_err().to_string();
            assert!(error.contains(&expected), "{error}");
        }
        return;
    }
    for (variables, expected) in [
        ("LISTEN_PID=1 LISTEN_FDS=2", "LISTEN_FDS is for process 1 (LISTEN_PID), and this is"),
        ("LISTEN_PID=self LISTEN_FDS=2", "LISTEN_PID is not a number"),
        ("LISTEN_PID=$$ LISTEN_FDS=-1", "LISTEN_FDS is not a number"),
        ("LISTEN_PID=$$ LISTEN_FDS=4000000000", "LISTEN_FDS is not a number"),
        ("LISTEN_PID=$$ LISTEN_FDS=0", "LISTEN_FDS is not set"),
        ("LISTEN_PID=$$", "LISTEN_FDS is not set"),
    ] {
        let sockets = [tcp().0, tcp().0];
        child::passed(child::start(with_sockets(NAME, variables, sockets, expected)));
    }
}

#[tokio::test]
async fn a_passed_connected_socket_error_names_the_setting() {
    const NAME: &str = "systemd::a_passed_connected_socket_error_names_the_setting";
    if child::expectation().is_some() {
        let error = FcgiListener::from_systemd(Some("unknown")).unwrap_err().to_string();
        assert!(error.contains("connected") && error.contains("Accept=yes"), "{error}");
        return;
    }
    let (connected, _web_server) = UnixStream::pair().unwrap();
    let sockets = [connected.into(), tcp().0];
    child::passed(child::start(with_sockets(NAME, "LISTEN_PID=$$ LISTEN_FDS=1", sockets, "")));
}
