//! When a pool probes its application again.

use std::io;
use std::time::Duration;

use fcgi_core::RecordType;
use tokio::io::DuplexStream;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tower::ServiceExt as _;
use tower_fcgi::client::{Error, Pool};

use crate::loopback::*;
use crate::scripted::{Application, complete_response, values};

/// The result of connecting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connect {
    Refused,
    Never,
    Panics,
    /// Made, and closed once the probe has arrived.
    Closed,
    Made,
}

/// A pool of two connections of 32 requests each, whose second connection ends as `second`.
macro_rules! pool {
    ($second:expr) => {{
        let (connected, connections) = mpsc::unbounded_channel::<DuplexStream>();
        let made = std::sync::atomic::AtomicUsize::new(0);
        let second: Connect = $second;
        let config = kept().with_max_concurrent_requests(32);
        let pool = Pool::builder(move || {
            let how = if made.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 1 {
                second
            } else {
                Connect::Made
            };
            let (ours, theirs) = tokio::io::duplex(1 << 16);
            assert!(how != Connect::Panics, "connecting has a bug");
            let sent = if how == Connect::Refused { Ok(()) } else { connected.send(theirs) };
            async move {
                match how {
                    Connect::Refused => Err(io::ErrorKind::ConnectionRefused.into()),
                    Connect::Never => std::future::pending().await,
                    _ => sent.map(|()| ours).map_err(|_| io::ErrorKind::ConnectionRefused.into()),
                }
            }
        });
        let pool = pool.max_size(2).connect_timeout(Duration::from_secs(2)).config(config);
        (pool.build::<Body>(), connections)
    }};
}

/// Replies that the application multiplexes, and waits until 32 requests are in flight on one connection.
async fn accept_many(
    connections: &mut UnboundedReceiver<DuplexStream>,
    spawn: impl Fn() -> JoinHandle<Result<String, Error>>,
) {
    let mut probed = Application::new(connections.recv().await.unwrap());
    assert_eq!(probed.record().await.unwrap().0, RecordType::GET_VALUES);
    probed.send(values(&[("FCGI_MPXS_CONNS", "1")])).await;
    let waiting: Vec<_> = (0..32).map(|_| spawn()).collect();
    for _ in 0..32 {
        probed.request().await;
    }
    drop(waiting);
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_is_repeated_soon() {
    for second in [Connect::Refused, Connect::Panics, Connect::Closed, Connect::Never] {
        let (pool, mut connections) = pool!(second);
        let spawn = || {
            let response = pool.clone().oneshot(get("/"));
            tokio::spawn(async move { text(response.await?.into_body()).await })
        };
        let first = spawn();
        let mut app = Application::new(connections.recv().await.unwrap());
        app.request().await;
        if second == Connect::Closed {
            let mut probed = Application::new(connections.recv().await.unwrap());
            assert_eq!(probed.record().await.unwrap().0, RecordType::GET_VALUES);
        } else if second == Connect::Never {
            drop(connections.recv().await.unwrap());
        }
        sleep(Duration::from_secs(4)).await;
        app.send(complete_response("first")).await;
        assert_eq!(first.await.unwrap().unwrap(), "first", "{second:?}");
        let next = spawn();
        app.request().await;
        accept_many(&mut connections, spawn).await;
        drop(next);
    }
}

#[tokio::test(start_paused = true)]
async fn probes_without_a_reply_back_off() {
    let (pool, mut connections) = pool!(Connect::Made);
    let (probed, mut probes) = mpsc::unbounded_channel();
    let start = Instant::now();
    tokio::spawn(async move {
        while let Some(io) = connections.recv().await {
            let probed = probed.clone();
            tokio::spawn(async move {
                let mut app = Application::new(io);
                while let Some((kind, content)) = app.record().await {
                    match kind {
                        RecordType::GET_VALUES => probed.send(start.elapsed().as_secs()).unwrap(),
                        RecordType::STDIN if content.is_empty() => app.send(complete_response("here")).await,
                        _ => {}
                    }
                }
            });
        }
    });
    for _ in 0..1800 {
        let response = pool.clone().oneshot(get("/")).await.unwrap();
        assert_eq!(text(response.into_body()).await.unwrap(), "here");
        sleep(Duration::from_secs(1)).await;
    }
    let mut times = Vec::new();
    while let Ok(time) = probes.try_recv() {
        times.push(time);
    }
    let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (pause, least) in pauses.iter().zip([10, 20, 40, 80, 160, 300, 300, 300]) {
        assert!((least..=least + 3).contains(pause), "{pauses:?}");
    }
    assert!((8..=10).contains(&times.len()), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_can_be_probed_again() {
    let (connected, mut connections) = mpsc::unbounded_channel::<DuplexStream>();
    let pool = Pool::builder(move || {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let sent = connected.send(theirs);
        async move { sent.map(|()| ours).map_err(|_| io::ErrorKind::ConnectionRefused.into()) }
    });
    let pool = pool.max_size(1).config(kept().with_max_concurrent_requests(32)).build::<Body>();
    let send = |path| tokio::spawn(pool.clone().oneshot(get(path)));
    let first = send("/1");
    let mut app = Application::new(connections.recv().await.unwrap());
    app.request().await;
    app.send(complete_response("1")).await;
    text(first.await.unwrap().unwrap().into_body()).await.unwrap();
    assert_eq!(app.record().await.unwrap().0, RecordType::GET_VALUES);
    app.send(values(&[("FCGI_MPXS_CONNS", "0")])).await;
    sleep(Duration::from_secs(301)).await;
    let second = send("/2");
    app.request().await;
    app.send(complete_response("2")).await;
    text(second.await.unwrap().unwrap().into_body()).await.unwrap();
    assert_eq!(app.record().await.unwrap().0, RecordType::GET_VALUES, "on the same connection");
}
