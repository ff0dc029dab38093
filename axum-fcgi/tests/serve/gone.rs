//! Web servers that go away.

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

/// Tells of its end.
struct Held(mpsc::UnboundedSender<()>);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[tokio::test]
async fn a_peer_lost_during_a_write_costs_one_connection() {
    let (dropped, mut drops) = mpsc::unbounded_channel();
    let endless = async move || {
        let held = Held(dropped.clone());
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
    let mut goes = TcpStream::connect(addr).await.unwrap();
    goes.write_all(&wire::get("/endless", true)).await.unwrap();
    goes.read_exact(&mut [0; 100_000]).await.unwrap();
    // With bytes unread this is a reset; a write after it is a SIGPIPE to whom that is not ignored.
    drop(goes);
    drops.recv().await.unwrap();
    release.send(()).await.unwrap();
    assert!(wire::answer(&mut other).await.unwrap().ends_with("served"));
    let mut next = TcpStream::connect(addr).await.unwrap();
    release.send(()).await.unwrap();
    assert!(wire::ask(&mut next, &wire::get("/waits", true)).await.unwrap().ends_with("served"));
}
