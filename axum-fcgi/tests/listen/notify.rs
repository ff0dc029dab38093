//! Notifications to systemd.

use std::os::unix::net::UnixDatagram;

use axum_fcgi::UnixSocket;
use tokio::net::UnixStream;

use crate::child;

#[tokio::test]
async fn systemd_is_notified_of_start_and_stop() {
    const NAME: &str = "notify::systemd_is_notified_of_start_and_stop";
    if let Some(path) = child::expectation() {
        let listener = UnixSocket::new(&path).bind().unwrap();
        return child::serve_until_stopped(listener).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let (notify, path) = (dir.path().join("notify"), dir.path().join("sock"));
    let systemd = UnixDatagram::bind(&notify).unwrap();
    let next = || {
        let mut buffer = [0; 64];
        let len = systemd.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..len]).into_owned()
    };
    let mut command = child::again(NAME, "exec", "", path.to_str().unwrap());
    command.env("NOTIFY_SOCKET", &notify);
    let started = child::start(command);
    assert_eq!(next(), "READY=1\n");
    child::ask_and_stop(UnixStream::connect(&path).await.unwrap()).await;
    assert_eq!(next(), "STOPPING=1\n");
    child::passed(started);
}

#[tokio::test]
async fn systemds_watchdog_is_answered() {
    const NAME: &str = "notify::systemds_watchdog_is_answered";
    if let Some(path) = child::expectation() {
        let listener = UnixSocket::new(&path).bind().unwrap();
        return child::serve_until_stopped(listener).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let (notify, path) = (dir.path().join("notify"), dir.path().join("sock"));
    let systemd = UnixDatagram::bind(&notify).unwrap();
    let next = || {
        let mut buffer = [0; 64];
        let len = systemd.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..len]).into_owned()
    };
    let mut command = child::again(NAME, "exec", "", path.to_str().unwrap());
    command.env("NOTIFY_SOCKET", &notify).env("WATCHDOG_USEC", "20000");
    let started = child::start(command);
    let mut received = Vec::new();
    while received.iter().filter(|text| *text == "WATCHDOG=1\n").count() < 5 {
        received.push(next());
    }
    assert!(received.contains(&"READY=1\n".to_owned()), "{received:?}");
    child::ask_and_stop(UnixStream::connect(&path).await.unwrap()).await;
    while next() != "STOPPING=1\n" {}
    child::passed(started);
}
