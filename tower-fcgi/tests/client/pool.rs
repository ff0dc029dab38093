//! A pool's connections: kept, waited for, and replaced.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fcgi_core::RecordType;
use http::{Request, Response};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tower::{ServiceExt as _, service_fn};
use tower_fcgi::client::{Error, ErrorKind, Pool};
use tower_fcgi::{Connection, RequestBody};

use crate::loopback::*;
use crate::scripted::{Application, builder, complete_response, stdout};

/// A pool, and the other ends of its connections.
macro_rules! pool {
    ($connections:expr) => {
        pool!($connections, kept())
    };
    ($connections:expr, $config:expr) => {{
        let (builder, connections) = builder!($connections, $config);
        (builder.build::<Body>(), connections)
    }};
}

/// Serves all connections. Counts them, and the most requests at once.
fn serve(mut connections: mpsc::UnboundedReceiver<DuplexStream>) -> [Arc<AtomicUsize>; 2] {
    let [made, most, now] = [(); 3].map(|()| Arc::new(AtomicUsize::new(0)));
    let counts = [Arc::clone(&made), Arc::clone(&most)];
    tokio::spawn(async move {
        while let Some(io) = connections.recv().await {
            made.fetch_add(1, Ordering::Relaxed);
            let (most, now) = (Arc::clone(&most), Arc::clone(&now));
            let service = service_fn(move |request: Request<RequestBody>| {
                let (most, now) = (Arc::clone(&most), Arc::clone(&now));
                async move {
                    most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                    sleep(Duration::from_secs(1)).await;
                    now.fetch_sub(1, Ordering::Relaxed);
                    Ok::<_, std::convert::Infallible>(Response::new(request.uri().to_string()))
                }
            });
            tokio::spawn(Connection::new(io, service));
        }
    });
    counts
}

#[tokio::test(start_paused = true)]
async fn requests_share_the_allowed_connections_in_order() {
    let (pool, connections) = pool!(3);
    let [made, most] = serve(connections);
    let (done, mut order) = mpsc::unbounded_channel();
    let start = Instant::now();
    for number in 0..12 {
        let (pool, done) = (pool.clone(), done.clone());
        tokio::spawn(async move {
            let path = format!("/{number}");
            let response = pool.oneshot(get(&path)).await.unwrap();
            assert_eq!(text(response.into_body()).await.unwrap(), path);
            done.send(number / 3).unwrap();
        });
    }
    for turn in 0..12 {
        assert_eq!(order.recv().await, Some(turn / 3));
    }
    assert_eq!(start.elapsed().as_secs(), 4);
    assert_eq!([made, most].map(|count| count.load(Ordering::Relaxed)), [3, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_counts_until_its_response_ends() {
    let (pool, mut connections) = pool!(1);
    let first = tokio::spawn(pool.clone().oneshot(get("/1")));
    let mut app = Application::new(connections.recv().await.unwrap());
    app.request().await;
    app.send(stdout("\r\nbegun")).await;
    let first = first.await.unwrap().unwrap();
    let second = tokio::spawn(pool.clone().oneshot(get("/2")));
    sleep(Duration::from_secs(1)).await;
    assert!(!second.is_finished());
    // The application does not end the aborted request, so the connection is closed.
    drop(first);
    app.read_to(RecordType::ABORT_REQUEST).await;
    let mut app = Application::new(connections.recv().await.unwrap());
    app.request().await;
    app.send(complete_response("second")).await;
    assert_eq!(text(second.await.unwrap().unwrap().into_body()).await.unwrap(), "second");
}

/// The result of a request over a kept connection that the application closes after the request, with a part of a response or
/// without; and whether the request was retried.
async fn over_a_closed_connection(request: Request<Body>, responded: bool) -> (Result<String, Error>, bool) {
    let (pool, mut connections) = pool!(4);
    let first = tokio::spawn(pool.clone().oneshot(get("/")));
    let mut app = Application::new(connections.recv().await.unwrap());
    app.request().await;
    app.send(complete_response("first")).await;
    assert_eq!(text(first.await.unwrap().unwrap().into_body()).await.unwrap(), "first");
    sleep(Duration::from_millis(1)).await;
    let second = tokio::spawn(pool.clone().oneshot(request));
    app.request().await;
    if responded {
        app.send(stdout("Status:")).await;
    }
    drop(app);
    let again = tokio::spawn(async move {
        let mut app = Application::new(connections.recv().await.unwrap());
        app.request().await;
        app.send(complete_response("again")).await;
    });
    let result = match second.await.unwrap() {
        Ok(response) => text(response.into_body()).await,
        Err(error) => Err(error),
    };
    (result, again.is_finished())
}

#[tokio::test(start_paused = true)]
async fn only_safe_requests_are_retried() {
    let put = |body| Request::put("/").body(body).unwrap();
    for (request, responded, retried) in [
        (get("/"), false, true),
        (put(none()), false, true),
        (post("/", none()), false, false),
        (put(full("taken")), false, false),
        (get("/"), true, false),
    ] {
        let what = format!("{} {responded}", request.method());
        let (result, was_retried) = over_a_closed_connection(request, responded).await;
        assert_eq!(was_retried, retried, "{what}");
        match result {
            Ok(body) => assert!(retried && body == "again", "{what}"),
            Err(error) => assert!(!retried && error.is_incomplete(), "{what}: {error}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_fresh_connection_that_is_closed_is_an_error() {
    let (pool, mut connections) = pool!(4);
    let response = tokio::spawn(pool.oneshot(get("/")));
    drop(connections.recv().await.unwrap());
    assert!(response.await.unwrap().is_err());
    assert!(connections.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_kept_connection_closed_while_idle_is_not_used() {
    let (pool, mut connections) = pool!(1);
    for body in ["one", "two"] {
        let response = tokio::spawn(pool.clone().oneshot(post("/", full("body"))));
        let mut app = Application::new(connections.recv().await.unwrap());
        app.request().await;
        app.send(complete_response(body)).await;
        assert_eq!(text(response.await.unwrap().unwrap().into_body()).await.unwrap(), body);
        drop(app);
        sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn connecting_times_out_or_fails_with_its_error() {
    let never = Pool::builder(std::future::pending::<io::Result<DuplexStream>>);
    let never = never.connect_timeout(Duration::from_secs(3)).build::<Body>();
    let start = Instant::now();
    assert_eq!(never.oneshot(get("/")).await.unwrap_err().kind(), ErrorKind::ConnectTimeout);
    assert_eq!(start.elapsed().as_secs(), 3);
    let denied = Pool::builder(async || Err::<DuplexStream, _>(io::ErrorKind::PermissionDenied.into()));
    let denied = denied.max_size(1).build::<Body>();
    for _ in 0..3 {
        let error = denied.clone().oneshot(get("/")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect, "the permit is free again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiting_request_may_be_dropped() {
    let (pool, mut connections) = pool!(1);
    let first = tokio::spawn(pool.clone().oneshot(get("/1")));
    let mut app = Application::new(connections.recv().await.unwrap());
    let waiting = tokio::spawn(pool.clone().oneshot(get("/2")));
    sleep(Duration::from_secs(1)).await;
    waiting.abort();
    app.request().await;
    app.send(complete_response("first")).await;
    text(first.await.unwrap().unwrap().into_body()).await.unwrap();
    let third = tokio::spawn(pool.oneshot(get("/3")));
    app.request().await;
    app.send(complete_response("third")).await;
    assert_eq!(text(third.await.unwrap().unwrap().into_body()).await.unwrap(), "third");
}

#[tokio::test(start_paused = true)]
async fn acquire_timeout_does_not_limit_the_response() {
    let (pool, connections) = builder!(1, kept());
    let _counts = serve(connections);
    let pool = pool.acquire_timeout(Duration::from_millis(400)).build::<Body>();
    let start = Instant::now();
    let first = tokio::spawn(pool.clone().oneshot(get("/first")));
    tokio::task::yield_now().await;
    let error = pool.clone().oneshot(get("/second")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AcquireTimeout, "{error}");
    assert_eq!(start.elapsed().as_millis(), 400);
    // The first takes a second: longer than the limit, which is only for waiting.
    let response = first.await.unwrap().unwrap();
    assert_eq!(text(response.into_body()).await.unwrap(), "/first");
    let response = pool.oneshot(get("/third")).await.unwrap();
    assert_eq!(text(response.into_body()).await.unwrap(), "/third");
}
