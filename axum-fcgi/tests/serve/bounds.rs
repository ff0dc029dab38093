//! The number of connections.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use axum_fcgi::Config;
use fcgi_core::{RecordHeader, RecordType, RequestId, encode_pair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::{in_memory, wire};

async fn serve(most: usize, router: Router) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let config = Config::default().max_connections(most);
    tokio::spawn(axum_fcgi::serve(listener, router).with_config(config).into_future());
    addr
}

#[tokio::test]
async fn idle_kept_connections_never_starve_new_ones_and_the_longest_idle_goes_first() {
    let (entrance, listener) = in_memory::listener();
    let router = Router::new().route("/", get(async || "served"));
    let config = Config::default().max_connections(3);
    tokio::spawn(axum_fcgi::serve(listener, router).with_config(config).into_future());
    let mut kept = Vec::new();
    for _ in 0..3 {
        let mut io = entrance.connect();
        wire::ask(&mut io, &wire::get("/", true)).await.unwrap();
        kept.push(io);
        // Idle times are counted in milliseconds, of a clock that cannot be paused.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The first is used again, so that the second is the one that has been idle for longest.
    wire::ask(&mut kept[0], &wire::get("/", true)).await.unwrap();
    let mut fourth = entrance.connect();
    assert!(wire::ask(&mut fourth, &wire::get("/", true)).await.unwrap().ends_with("served"));
    assert_eq!(kept[1].read(&mut [0; 1]).await.unwrap(), 0, "it was closed for the fourth");
    for open in [0, 2] {
        assert!(wire::ask(&mut kept[open], &wire::get("/", true)).await.unwrap().ends_with("served"));
    }
}

#[tokio::test]
async fn a_connection_over_the_limit_waits_until_one_of_the_others_is_idle() {
    let (release, wait) = mpsc::channel::<()>(1);
    let wait = std::sync::Arc::new(tokio::sync::Mutex::new(wait));
    let router = Router::new().route("/", get(async || "served")).route(
        "/slow",
        get(async move || {
            wait.lock().await.recv().await;
            "slow"
        }),
    );
    let addr = serve(1, router).await;
    let mut busy = TcpStream::connect(addr).await.unwrap();
    let slow = tokio::spawn(async move {
        let answer = wire::ask(&mut busy, &wire::get("/slow", true)).await.unwrap();
        (answer, busy)
    });
    // The handler has begun once its end of the channel is in use; the first send says so by being taken.
    let mut second = TcpStream::connect(addr).await.unwrap();
    let waiting = tokio::spawn(async move { wire::ask(&mut second, &wire::get("/", true)).await.unwrap() });
    release.send(()).await.unwrap();
    let (answer, mut busy) = slow.await.unwrap();
    assert!(answer.ends_with("slow"), "the first is not disturbed");
    assert!(waiting.await.unwrap().ends_with("served"), "and then makes room");
    assert_eq!(busy.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_web_server_that_asks_for_the_number_of_connections_is_told_the_bound() {
    let addr = serve(77, Router::new()).await;
    let mut query = Vec::new();
    encode_pair(&mut query, b"FCGI_MAX_CONNS", b"");
    let header = RecordHeader::new(RecordType::GET_VALUES, RequestId::NULL, query.len().try_into().unwrap());
    let mut expected = Vec::new();
    encode_pair(&mut expected, b"FCGI_MAX_CONNS", b"77");

    let mut io = TcpStream::connect(addr).await.unwrap();
    io.write_all(&[&header.encode()[..], &query].concat()).await.unwrap();
    let mut header = [0; RecordHeader::LEN];
    io.read_exact(&mut header).await.unwrap();
    let header = RecordHeader::decode(header).unwrap();
    assert_eq!((header.kind, header.id), (RecordType::GET_VALUES_RESULT, RequestId::NULL));
    let mut told = vec![0; header.content_len.into()];
    io.read_exact(&mut told).await.unwrap();
    assert_eq!(told, expected);
}
