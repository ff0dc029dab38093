//! A pool with several requests on each connection.

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use fcgi_core::{ProtocolStatus, RecordType};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::io::DuplexStream;
use tokio::sync::Barrier;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::{Instant, sleep, timeout};
use tower::{ServiceExt as _, service_fn};
use tower_fcgi::client::{Error, Pool, ResponseBody};
use tower_fcgi::{Builder, Connection, RequestBody};

use crate::loopback::*;
use crate::scripted::{Application, complete_response, end, end_with, stdout, values, with_id};

/// A pool with up to 32 requests on each connection, and the other ends of its connections.
macro_rules! pool {
    ($connections:expr) => {{
        let (connected, connections) = mpsc::unbounded_channel::<DuplexStream>();
        let pool = Pool::builder(move || {
            let (ours, theirs) = tokio::io::duplex(1 << 16);
            let sent = connected.send(theirs);
            async move { sent.map(|()| ours).map_err(|_| io::ErrorKind::ConnectionRefused.into()) }
        });
        let config = kept().with_max_concurrent_requests(32);
        (pool.max_size($connections).config(config).build::<Body>(), connections)
    }};
}

const MULTIPLEXES: [(&str, &str); 1] = [("FCGI_MPXS_CONNS", "1")];

fn sum(content: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    format!("{:x}", hasher.finish())
}

async fn body_of(
    response: impl Future<Output = Result<Response<ResponseBody>, Error>>,
) -> Result<String, Error> {
    text(response.await?.into_body()).await
}

/// The next connection.
async fn next(connections: &mut UnboundedReceiver<DuplexStream>) -> Application {
    Application::new(connections.recv().await.unwrap())
}

/// An application that replies that it multiplexes: its two connections, the first with a request in flight.
async fn multiplexing(connections: &mut UnboundedReceiver<DuplexStream>) -> [Application; 2] {
    let mut first = next(connections).await;
    first.request().await;
    let mut probed = next(connections).await;
    assert_eq!(probed.record().await.unwrap().0, RecordType::GET_VALUES);
    probed.send(values(&MULTIPLEXES)).await;
    sleep(Duration::from_millis(1)).await;
    [first, probed]
}

#[tokio::test(start_paused = true)]
async fn a_hundred_requests_on_four_connections_never_mix() {
    let (pool, mut connections) = pool!(4);
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    // No response before all requests have arrived.
    let all = Arc::new(Barrier::new(128));
    tokio::spawn(async move {
        while let Some(io) = connections.recv().await {
            count.fetch_add(1, Ordering::Relaxed);
            let all = Arc::clone(&all);
            let service = service_fn(move |request: Request<RequestBody>| {
                let all = Arc::clone(&all);
                async move {
                    let path = request.uri().path().to_owned();
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    all.wait().await;
                    let response = [format!("{path} {} ", sum(&body)).into(), body].concat();
                    Ok::<_, Infallible>(Response::new(full(response)))
                }
            });
            // The default is 4, because of HAProxy.
            let config = tower_fcgi::Config::default().with_advertised_max_requests(32);
            tokio::spawn(Builder::new().with_config(config).serve_connection(io, service));
        }
    });
    let requests: Vec<_> = (0..128_usize)
        .map(|number| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let body: Bytes = (number..).take(number * 1000).map(|byte| byte.to_le_bytes()[0]).collect();
                let path = format!("/{number}");
                let response = pool.oneshot(post(&path, full(body.clone()))).await.unwrap();
                let whole = response.into_body().collect().await.unwrap().to_bytes();
                assert_eq!(whole, [format!("{path} {} ", sum(&body)).into(), body].concat());
            })
        })
        .collect();
    for request in requests {
        request.await.unwrap();
    }
    assert_eq!(made.load(Ordering::Relaxed), 4);
}

#[tokio::test(start_paused = true)]
async fn the_pool_prefers_idle_then_least_loaded() {
    let (pool, mut connections) = pool!(2);
    let first = tokio::spawn(pool.clone().oneshot(get("/1")));
    let [mut busy, mut idle] = multiplexing(&mut connections).await;
    let _second = tokio::spawn(pool.clone().oneshot(get("/2")));
    idle.request().await;
    // Each has a request now, and the first is probed as well.
    assert_eq!(busy.record().await.unwrap().0, RecordType::GET_VALUES);
    busy.send(values(&MULTIPLEXES)).await;
    busy.send(complete_response("first")).await;
    assert_eq!(body_of(async { first.await.unwrap() }).await.unwrap(), "first");
    let _third = tokio::spawn(pool.clone().oneshot(get("/3")));
    busy.request().await;
    let mut on_busy = Vec::new();
    for path in ["/4", "/5"] {
        tokio::spawn(pool.clone().oneshot(get(path)));
        let (app, (id, kind, _)) = tokio::select! {
            record = busy.record_with_id() => (&mut busy, record.unwrap()),
            record = idle.record_with_id() => (&mut idle, record.unwrap()),
        };
        assert_eq!((id, kind), (2, RecordType::BEGIN_REQUEST));
        app.request().await;
        on_busy.push(std::ptr::eq(app, &busy));
    }
    assert_ne!(on_busy[0], on_busy[1], "one on each");
    assert!(connections.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_probe_without_a_reply_delays_no_request() {
    let (pool, mut connections) = pool!(8);
    let (probed, mut probes) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(io) = connections.recv().await {
            let probed = probed.clone();
            tokio::spawn(async move {
                let mut app = Application::new(io);
                // As libfcgi: no reply, and no response to what follows either.
                while let Some((kind, content)) = app.record().await {
                    match kind {
                        RecordType::GET_VALUES => {
                            assert_eq!(
                                app.record().await,
                                None,
                                "no request follows, and the connection is closed"
                            );
                            probed.send(Instant::now()).unwrap();
                            return;
                        }
                        RecordType::STDIN if content.is_empty() => app.send(complete_response("here")).await,
                        _ => {}
                    }
                }
            });
        }
    });
    let start = Instant::now();
    let mut last = start;
    while last - start < Duration::from_secs(290) {
        assert_eq!(body_of(pool.clone().oneshot(get("/"))).await.unwrap(), "here");
        assert_eq!(last.elapsed(), Duration::ZERO, "no request waits");
        sleep(Duration::from_secs(3)).await;
        last = Instant::now();
    }
    assert_eq!((probes.try_recv().unwrap() - start).as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_negative_probe_is_final_and_means_one_at_a_time() {
    let (pool, mut connections) = pool!(3);
    let mut responses = vec![tokio::spawn(pool.clone().oneshot(get("/0")))];
    let mut first = next(&mut connections).await;
    first.request().await;
    let mut probed = next(&mut connections).await;
    assert_eq!(probed.record().await.unwrap().0, RecordType::GET_VALUES);
    probed.send(values(&[("FCGI_MPXS_CONNS", "0")])).await;
    for path in ["/1", "/2"] {
        responses.push(tokio::spawn(pool.clone().oneshot(get(path))));
    }
    // The probed connection takes a request, and there may be a third one.
    probed.request().await;
    let mut third = next(&mut connections).await;
    assert_eq!(third.record().await.unwrap().0, RecordType::BEGIN_REQUEST);
    responses.push(tokio::spawn(pool.clone().oneshot(get("/3"))));
    sleep(Duration::from_secs(1)).await;
    for (app, number) in [(&mut first, "0"), (&mut probed, "1"), (&mut third, "2")] {
        app.send(complete_response(number)).await;
    }
    for (response, number) in responses.drain(..3).zip(["0", "1", "2"]) {
        assert_eq!(body_of(async { response.await.unwrap() }).await.unwrap(), number);
    }
    assert!(connections.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_single_connection_probes_between_requests() {
    let (pool, mut connections) = pool!(1);
    let first = tokio::spawn(pool.clone().oneshot(get("/1")));
    let mut app = next(&mut connections).await;
    app.request().await;
    let waiting: Vec<_> = (2..=5).map(|_| tokio::spawn(pool.clone().oneshot(get("/x")))).collect();
    sleep(Duration::from_secs(1)).await;
    app.send(complete_response("first")).await;
    assert_eq!(app.record().await.unwrap().0, RecordType::GET_VALUES);
    let nothing = timeout(Duration::from_millis(10), app.record()).await;
    assert!(nothing.is_err(), "no request follows it");
    app.send(values(&MULTIPLEXES)).await;
    let (mut begun, mut sent) = (Vec::new(), 0);
    while sent < 4 {
        let (id, kind, _) = app.record_with_id().await.unwrap();
        if kind == RecordType::BEGIN_REQUEST {
            begun.push(id);
        }
        sent += usize::from(kind == RecordType::STDIN);
    }
    assert_eq!(begun, [1, 2, 3, 4]);
    assert_eq!(body_of(async { first.await.unwrap() }).await.unwrap(), "first");
    drop(waiting);
}

#[tokio::test(start_paused = true)]
async fn a_request_rejected_for_capacity_is_retried_once() {
    for status in [ProtocolStatus::CANT_MPX_CONN, ProtocolStatus::OVERLOADED] {
        let (pool, mut connections) = pool!(3);
        let first = tokio::spawn(pool.clone().oneshot(get("/1")));
        let [mut busy, mut shared] = multiplexing(&mut connections).await;
        let second = tokio::spawn(pool.clone().oneshot(get("/2")));
        shared.request().await;
        assert_eq!(busy.record().await.unwrap().0, RecordType::GET_VALUES);
        // Not idempotent, but the application did nothing for it.
        let third = tokio::spawn(pool.clone().oneshot(post("/3", none())));
        let (id, _, _) = shared.record_with_id().await.unwrap();
        assert_eq!(id, 2);
        shared.request().await;
        shared.send(with_id(2, end_with(status))).await;
        let mut other = next(&mut connections).await;
        other.request().await;
        for (app, number) in [(&mut busy, "1"), (&mut shared, "2"), (&mut other, "3")] {
            app.send(complete_response(number)).await;
        }
        for (response, number) in [(first, "1"), (second, "2"), (third, "3")] {
            assert_eq!(body_of(async { response.await.unwrap() }).await.unwrap(), number, "{status:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejected_request_reuses_an_ended_permit() {
    let (pool, mut connections) = pool!(1);
    let response = tokio::spawn(pool.clone().oneshot(get("/")));
    let mut first = next(&mut connections).await;
    first.request().await;
    first.send(end_with(ProtocolStatus::OVERLOADED)).await;
    drop(first);
    let connected = timeout(Duration::from_secs(60), next(&mut connections)).await;
    let mut second = connected.expect("the only permit is held by the connection that has ended");
    second.request().await;
    second.send(complete_response("second")).await;
    assert_eq!(body_of(async { response.await.unwrap() }).await.unwrap(), "second");
}

#[tokio::test(start_paused = true)]
async fn after_a_lost_connection_only_safe_requests_retry() {
    let (pool, mut connections) = pool!(2);
    let _first = tokio::spawn(pool.clone().oneshot(get("/1")));
    let [mut busy, mut shared] = multiplexing(&mut connections).await;
    let spawn = |request| tokio::spawn(body_of(pool.clone().oneshot(request)));
    let safe = spawn(get("/safe"));
    shared.request().await;
    assert_eq!(busy.record().await.unwrap().0, RecordType::GET_VALUES);
    let (not_idempotent, begun) = (spawn(post("/unsafe", none())), spawn(get("/begun")));
    for _ in 0..2 {
        shared.request().await;
    }
    shared.send([with_id(3, stdout("\r\nbegun"))].concat()).await;
    sleep(Duration::from_millis(1)).await;
    drop(shared);
    for lost in [not_idempotent, begun] {
        assert!(lost.await.unwrap().unwrap_err().is_incomplete());
    }
    let mut again = next(&mut connections).await;
    again.request().await;
    again.send([stdout("\r\nagain"), end()].concat()).await;
    assert_eq!(safe.await.unwrap().unwrap(), "again");
    assert!(connections.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn our_own_server_survives_one_abort_of_many() {
    let (pool, mut connections) = pool!(2);
    tokio::spawn(async move {
        while let Some(io) = connections.recv().await {
            let service = service_fn(async |request: Request<RequestBody>| {
                if request.uri() == "/wait" {
                    std::future::pending::<()>().await;
                }
                sleep(Duration::from_secs(5)).await;
                Ok::<_, Infallible>(Response::new(full(request.uri().path().to_owned())))
            });
            tokio::spawn(Connection::new(io, service));
        }
    });
    assert_eq!(body_of(pool.clone().oneshot(get("/first"))).await.unwrap(), "/first");
    let siblings: Vec<_> = (0..10)
        .map(|number| {
            let request = get(&format!("/{number}"));
            tokio::spawn(body_of(pool.clone().oneshot(request)))
        })
        .collect();
    for _ in 0..10 {
        let aborted = timeout(Duration::from_millis(200), pool.clone().oneshot(get("/wait"))).await;
        assert!(aborted.is_err());
    }
    for (number, sibling) in siblings.into_iter().enumerate() {
        assert_eq!(sibling.await.unwrap().unwrap(), format!("/{number}"));
    }
    assert_eq!(body_of(pool.oneshot(get("/last"))).await.unwrap(), "/last");
}

#[tokio::test(start_paused = true)]
async fn a_single_connection_without_a_reply_is_replaced() {
    let (pool, mut connections) = pool!(1);
    let first = tokio::spawn(body_of(pool.clone().oneshot(get("/1"))));
    let mut app = next(&mut connections).await;
    app.request().await;
    app.send(complete_response("first")).await;
    assert_eq!(app.record().await.unwrap().0, RecordType::GET_VALUES);
    let start = Instant::now();
    let second = tokio::spawn(body_of(pool.clone().oneshot(post("/2", full("body")))));
    assert_eq!(app.record().await, None);
    assert_eq!(start.elapsed().as_secs(), 1);
    let mut app = next(&mut connections).await;
    app.request().await;
    app.send(complete_response("second")).await;
    assert_eq!(second.await.unwrap().unwrap(), "second");
    assert_eq!(first.await.unwrap().unwrap(), "first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn responses_never_mix_across_threads_and_aborts() {
    let (pool, mut connections) = pool!(3);
    tokio::spawn(async move {
        while let Some(io) = connections.recv().await {
            let service = service_fn(async |request: Request<RequestBody>| {
                tokio::task::yield_now().await;
                let path = request.uri().path().to_owned();
                let len = request.into_body().collect().await.map_or(0, |body| body.to_bytes().len());
                Ok::<_, Infallible>(Response::new(full(format!("{path} {len}"))))
            });
            tokio::spawn(Connection::new(io, service));
        }
    });
    let requests: Vec<_> = (0..2000_usize)
        .map(|number| {
            let (pool, path) = (pool.clone(), format!("/{number}"));
            let body = full(vec![b'x'; number % 7 * 3000]);
            tokio::spawn(body_of(pool.oneshot(Request::put(path).body(body).unwrap())))
        })
        .collect();
    for (number, request) in requests.into_iter().enumerate() {
        if number % 10 == 0 {
            request.abort();
            continue;
        }
        match request.await.unwrap() {
            Ok(body) => assert_eq!(body, format!("/{number} {}", number % 7 * 3000)),
            Err(error) => panic!("{number}: {error}"),
        }
    }
}
