//! Several listeners into one service.

use axum::Router;
use axum::routing::get;
use axum_fcgi::{Address, Listeners};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;

use crate::wire;

#[tokio::test]
async fn tcp_and_unix_are_served_at_once_and_stop_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sock");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let addresses: [Address; 2] = [format!("unix:{}", path.display()).parse().unwrap(), free.into()];
    let listeners = Listeners::bind(&addresses).unwrap();

    let (stop, stopped) = oneshot::channel::<()>();
    let router = Router::new().route("/", get(async || "served"));
    let signal = async { stopped.await.unwrap_or(()) };
    let serving =
        tokio::spawn(axum_fcgi::serve(listeners, router).with_graceful_shutdown(signal).into_future());
    for _ in 0..3 {
        let mut tcp = TcpStream::connect(free).await.unwrap();
        assert!(wire::ask(&mut tcp, &wire::get("/", true)).await.unwrap().ends_with("served"));
        let mut unix = UnixStream::connect(&path).await.unwrap();
        assert!(wire::ask(&mut unix, &wire::get("/", true)).await.unwrap().ends_with("served"));
    }
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
    assert!(!path.exists());
    TcpStream::connect(free).await.unwrap_err();
}

#[tokio::test]
async fn if_one_cannot_be_bound_the_others_are_closed_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sock");
    let addresses = [Address::Unix(path.clone()), Address::Unix(dir.path().join("missing/sock"))];
    Listeners::bind(&addresses).unwrap_err();
    assert!(!path.exists());
}
