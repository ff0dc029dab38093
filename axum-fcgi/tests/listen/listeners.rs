//! Several listeners for one service.

use axum::Router;
use axum::routing::get;
use axum::serve::Listener as _;
use axum_fcgi::{Address, FcgiAddr, Listeners};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;

use crate::{child, wire};

#[tokio::test]
async fn tcp_and_unix_are_served_at_once_and_stop_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sock");
    let unix = format!("unix:{}", path.display());
    let addresses = ["127.0.0.1:0", &unix].map(|address| address.parse::<Address>().unwrap());
    let listeners = Listeners::bind(&addresses).unwrap();
    let FcgiAddr::Tcp(addr) = listeners.local_addr().unwrap() else {
        panic!("the first address must be TCP")
    };

    let (stop, stopped) = oneshot::channel::<()>();
    let router = Router::new().route("/", get(async || "served"));
    let signal = async { stopped.await.unwrap_or(()) };
    let serving =
        tokio::spawn(axum_fcgi::serve(listeners, router).with_graceful_shutdown(signal).into_future());
    for _ in 0..3 {
        let mut tcp = TcpStream::connect(addr).await.unwrap();
        assert!(wire::ask(&mut tcp, &wire::get("/", true)).await.unwrap().ends_with("served"));
        let mut unix = UnixStream::connect(&path).await.unwrap();
        assert!(wire::ask(&mut unix, &wire::get("/", true)).await.unwrap().ends_with("served"));
    }
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
    assert!(!path.exists());
    child::nobody_serves(addr).await;
}

#[tokio::test]
async fn if_one_cannot_be_bound_the_others_are_closed_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sock");
    let addresses = [Address::Unix(path.clone()), Address::Unix(dir.path().join("missing/sock"))];
    Listeners::bind(&addresses).unwrap_err();
    assert!(!path.exists());
}
