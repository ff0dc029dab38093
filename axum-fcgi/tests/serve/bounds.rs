//! The limit on connections.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use axum_fcgi::Config;
use fcgi_core::{RecordHeader, RecordType, RequestId, encode_pair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::{in_memory, wire};

async fn serve(most: usize, router: Router) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let config = Config::default().with_max_connections(most);
    tokio::spawn(axum_fcgi::serve(listener, router).with_config(config).into_future());
    addr
}

#[tokio::test(start_paused = true)]
async fn a_new_connection_evicts_the_longest_idle() {
    let (entrance, listener) = in_memory::listener();
    let router = Router::new().route("/", get(async || "served"));
    let config = Config::default().with_max_connections(3);
    tokio::spawn(axum_fcgi::serve(listener, router).with_config(config).into_future());
    let mut kept = Vec::new();
    for _ in 0..3 {
        let mut io = entrance.connect();
        wire::ask(&mut io, &wire::get("/", true)).await.unwrap();
        kept.push(io);
        // Idle times have a resolution of one millisecond.
        sleep(Duration::from_millis(5)).await;
    }
    // The first one is used again, so that the second one is idle for longest.
    wire::ask(&mut kept[0], &wire::get("/", true)).await.unwrap();
    let mut fourth = entrance.connect();
    assert!(wire::ask(&mut fourth, &wire::get("/", true)).await.unwrap().ends_with("served"));
    assert_eq!(kept[1].read(&mut [0; 1]).await.unwrap(), 0, "it must be closed for the fourth");
    for open in [0, 2] {
        assert!(wire::ask(&mut kept[open], &wire::get("/", true)).await.unwrap().ends_with("served"));
    }
}

#[tokio::test]
async fn at_the_limit_a_connection_waits_for_an_idle_one() {
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
        let response = wire::ask(&mut busy, &wire::get("/slow", true)).await.unwrap();
        (response, busy)
    });
    // The handler runs once its end of the channel is in use: the first send shows it.
    let mut second = TcpStream::connect(addr).await.unwrap();
    let waiting = tokio::spawn(async move { wire::ask(&mut second, &wire::get("/", true)).await.unwrap() });
    release.send(()).await.unwrap();
    let (response, mut busy) = slow.await.unwrap();
    assert!(response.ends_with("slow"), "the first request must complete");
    assert!(waiting.await.unwrap().ends_with("served"), "the waiting connection must be served");
    assert_eq!(busy.read(&mut [0; 1]).await.unwrap(), 0);
}

/// Serves at most `most` connections; `/wait` never responds.
fn in_memory(most: usize) -> in_memory::Entrance {
    let (entrance, listener) = in_memory::listener();
    let router = Router::new().route("/", get(async || "served")).route(
        "/wait",
        get(async || {
            std::future::pending::<()>().await;
        }),
    );
    let config = Config::default().with_max_connections(most);
    tokio::spawn(axum_fcgi::serve(listener, router).with_config(config).into_future());
    entrance
}

/// Connects, and gets a response before the end of its STDIN, which never comes.
async fn answered_early(entrance: &in_memory::Entrance, keep_conn: bool) -> DuplexStream {
    let mut io = entrance.connect();
    let request = wire::get("/", keep_conn);
    let response = wire::ask(&mut io, &request[..request.len() - RecordHeader::LEN]).await.unwrap();
    assert!(response.ends_with("served"));
    io
}

/// Connects and is served; returns how long that took.
async fn served(entrance: &in_memory::Entrance) -> Duration {
    let start = Instant::now();
    let mut io = entrance.connect();
    assert!(wire::ask(&mut io, &wire::get("/", false)).await.unwrap().ends_with("served"));
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn open_bodies_delay_a_new_connection_by_a_second() {
    for keep_conn in [true, false] {
        let entrance = in_memory(50);
        let mut kept = Vec::new();
        for _ in 0..50 {
            kept.push(answered_early(&entrance, keep_conn).await);
        }
        assert!(served(&entrance).await <= Duration::from_secs(1));
        // By then the others got their responses long ago.
        let refill = answered_early(&entrance, keep_conn).await;
        sleep(Duration::from_secs(2)).await;
        for _ in 0..10 {
            let took = served(&entrance).await;
            assert!(took < Duration::from_millis(10), "{took:?}");
        }
        drop((kept, refill));
    }
}

#[tokio::test(start_paused = true)]
async fn closable_connections_are_evicted_first() {
    let entrance = in_memory(2);
    let mut open = answered_early(&entrance, true).await;
    let mut idle = entrance.connect();
    wire::ask(&mut idle, &wire::get("/", true)).await.unwrap();
    assert!(served(&entrance).await < Duration::from_millis(10));
    assert_eq!(idle.read(&mut [0; 1]).await.unwrap(), 0);
    // The other one goes on, with the end of its STDIN and another request.
    let request = wire::get("/", true);
    let late = [&request[request.len() - RecordHeader::LEN..], &request].concat();
    assert!(wire::ask(&mut open, &late).await.unwrap().ends_with("served"));
}

#[tokio::test(start_paused = true)]
async fn eviction_skips_a_connection_with_a_new_request() {
    let entrance = in_memory(4);
    let mut kept = Vec::new();
    for _ in 0..4 {
        let mut io = entrance.connect();
        wire::ask(&mut io, &wire::get("/", true)).await.unwrap();
        kept.push(io);
        sleep(Duration::from_millis(5)).await;
    }
    // At the same moment: a new connection, and requests on all idle connections but one. The longest idle
    // ones are asked to close first.
    let mut new = entrance.connect();
    new.write_all(&wire::get("/", true)).await.unwrap();
    for io in &mut kept[..3] {
        io.write_all(&wire::get("/wait", true)).await.unwrap();
    }
    let response = timeout(Duration::from_secs(3600), wire::read_response(&mut new))
        .await
        .expect("the new connection starved");
    assert!(response.unwrap().ends_with("served"));
    assert_eq!(kept[3].read(&mut [0; 1]).await.unwrap(), 0);
    // Those that were asked in vain are kept.
    sleep(Duration::from_secs(10)).await;
    for io in &mut kept[..3] {
        assert!(timeout(Duration::from_secs(1), io.read(&mut [0; 1])).await.is_err());
    }
}

/// Each client sends its next request as soon as it has a response: no connection is idle for long.
#[tokio::test]
async fn busy_connections_do_not_starve_a_new_one() {
    let entrance = in_memory(4);
    let mut busy = JoinSet::new();
    for _ in 0..4 {
        let mut io = entrance.connect();
        wire::ask(&mut io, &wire::get("/", true)).await.unwrap();
        busy.spawn(async move { while wire::ask(&mut io, &wire::get("/", true)).await.is_ok() {} });
    }
    for _ in 0..4 {
        let served = timeout(Duration::from_secs(600), served(&entrance)).await;
        served.expect("the new connection starved");
    }
}

#[tokio::test]
async fn get_values_reports_the_connection_limit() {
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
    let mut result = vec![0; header.content_len.into()];
    io.read_exact(&mut result).await.unwrap();
    assert_eq!(result, expected);
}
