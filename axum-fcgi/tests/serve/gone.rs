//! Web servers that disconnect.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use futures_util::stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};

use crate::wire;

/// Reports its drop.
struct ReportsDrop(mpsc::UnboundedSender<()>);

impl Drop for ReportsDrop {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[tokio::test]
async fn a_peer_lost_during_a_write_costs_one_connection() {
    let (dropped, mut drops) = mpsc::unbounded_channel();
    let endless = async move || {
        let held = ReportsDrop(dropped.clone());
        Body::from_stream(stream::repeat_with(move || {
            let _held = &held;
            Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 8192]))
        }))
    };
    let (release, released) = mpsc::channel::<()>(1);
    let released = Arc::new(Mutex::new(released));
    let waits = async move || {
        released.lock().await.recv().await;
        "served"
    };
    let router = Router::new().route("/endless", get(endless)).route("/waits", get(waits));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(axum_fcgi::serve(listener, router).into_future());

    let mut other = TcpStream::connect(addr).await.unwrap();
    other.write_all(&wire::get("/waits", true)).await.unwrap();
    let mut peer = TcpStream::connect(addr).await.unwrap();
    peer.write_all(&wire::get("/endless", true)).await.unwrap();
    peer.read_exact(&mut [0; 100_000]).await.unwrap();
    // With unread bytes this is a reset; a later write raises SIGPIPE unless it is ignored.
    drop(peer);
    drops.recv().await.unwrap();
    release.send(()).await.unwrap();
    assert!(wire::read_response(&mut other).await.unwrap().ends_with("served"));
    let mut next = TcpStream::connect(addr).await.unwrap();
    release.send(()).await.unwrap();
    assert!(wire::ask(&mut next, &wire::get("/waits", true)).await.unwrap().ends_with("served"));
}
