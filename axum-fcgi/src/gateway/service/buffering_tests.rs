//! Requests that are collected before they reach the application, and timeouts.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use futures_util::{FutureExt as _, stream};
use http_body_util::Limited;
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tower::ServiceExt as _;

use super::super::spool::{Buffering, RequestBuffering};
use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Copy)]
enum Behaviour {
    /// Reads the body and responds with its length and the header's.
    Reads,
    NeverReads,
    /// Reads the body, but does not respond.
    NeverResponds,
}

/// An application, and how often it was called.
fn application(
    behaviour: Behaviour,
) -> (impl Service<Request, Response = Response, Error = BoxError, Future: Send> + Clone, Arc<AtomicUsize>) {
    let calls = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&calls);
    let service = tower::service_fn(move |request: Request| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move {
            if let Behaviour::NeverReads = behaviour {
                std::future::pending::<()>().await;
            }
            let hint = request.body().size_hint().exact();
            let body = axum::body::to_bytes(request.into_body(), usize::MAX).await?;
            if let Behaviour::NeverResponds = behaviour {
                std::future::pending::<()>().await;
            }
            Ok(format!("{} {hint:?}", body.len()).into_response())
        }
    });
    (service, calls)
}

type Client = UnboundedSender<Result<Vec<u8>, &'static str>>;

/// A request whose body is what the client sends.
fn upload(length: Option<usize>) -> (Client, Request) {
    let (client, receiver) = unbounded_channel();
    let body = Body::from_stream(stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    }));
    let mut request = Request::post("/").body(body).unwrap();
    if let Some(length) = length {
        request.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
    (client, request)
}

async fn status(
    gateway: impl Service<Request, Response = Response, Error = Infallible>,
    request: Request,
) -> u16 {
    gateway.oneshot(request).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn the_application_is_called_with_a_whole_body() {
    let (service, calls) = application(Behaviour::Reads);
    let gateway = FastCgiGateway::new(service).buffering(Buffering::default());
    for length in [None, Some(200_000)] {
        let (client, request) = upload(length);
        let response = tokio::spawn(gateway.clone().oneshot(request));
        let before = calls.load(Ordering::Relaxed);
        for _ in 0..200 {
            client.send(Ok(vec![0; 1000])).unwrap();
            tokio::task::yield_now().await;
            assert_eq!(calls.load(Ordering::Relaxed), before);
        }
        drop(client);
        let body = response.await.unwrap().unwrap().into_body();
        assert_eq!(axum::body::to_bytes(body, 100).await.unwrap(), "200000 Some(200000)");
    }
}

#[tokio::test]
async fn rejected_bodies_do_not_reach_the_application() {
    let directory = TempDir::new().unwrap();
    let buffering = Buffering::default().with_directory(directory.path()).with_request_memory(10);
    let gone = buffering.clone().with_directory(directory.path().join("gone"));
    // Another upload has all the room.
    let full = Buffering::default().with_directory(directory.path()).with_request_memory(10);
    let full = full.with_max_total_files(2000).with_max_body(1000);
    let (other_client, other) = upload(None);
    let (service, calls) = application(Behaviour::Reads);
    let gateway = FastCgiGateway::new(service);
    let held = tokio::spawn(gateway.clone().buffering(full.clone()).oneshot(other));
    other_client.send(Ok(vec![0; 990])).unwrap();
    while full.used_files() < 990 {
        tokio::task::yield_now().await;
    }
    for (buffering, length, chunk, expected) in [
        (buffering.clone().with_max_body(99), Some(100), Ok(100), 413),
        (buffering.clone().with_max_body(99), None, Ok(100), 413),
        (buffering.clone(), None, Err("gone"), 400),
        (buffering.clone(), Some(101), Ok(100), 400),
        (gone, None, Ok(100), 500),
        (full, None, Ok(100), 503),
    ] {
        let (client, request) = upload(length);
        client.send(chunk.map(|len| vec![0; len])).unwrap();
        // Only a body that waits for the client needs a file.
        let _client = Some(client).filter(|_| expected >= 500);
        assert_eq!(status(gateway.clone().buffering(buffering), request).await, expected);
    }
    // The limit of a layer around the gateway.
    let limited = Request::post("/").body(Body::new(Limited::new(Body::from("12345"), 4))).unwrap();
    assert_eq!(status(gateway.clone().buffering(buffering), limited).await, 413);
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    drop(other_client);
    assert_eq!(held.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn clones_and_mounts_share_one_total() {
    let buffering = Buffering::default().with_max_total_memory(1000);
    let (service, _) = application(Behaviour::NeverReads);
    let gateway = FastCgiGateway::new(service).buffering(buffering.clone());
    let other_mount = gateway.clone().env("NAME", "value").buffering(buffering.clone().with_max_body(5000));
    let held: Vec<_> = [gateway.clone(), gateway, other_mount]
        .map(|gateway| tokio::spawn(gateway.oneshot(Request::post("/").body(Body::from("12345")).unwrap())))
        .into();
    while buffering.used_memory() < 15 {
        tokio::task::yield_now().await;
    }
    for request in held {
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
    }
    assert_eq!(buffering.used_memory(), 0);
}

/// After an upload of ten minutes, the application has its time.
#[tokio::test(start_paused = true)]
async fn the_head_timeout_starts_after_the_upload() {
    let (service, _) = application(Behaviour::NeverResponds);
    let gateway = FastCgiGateway::new(service).buffering(Buffering::default()).header_timeout(30 * SECOND);
    let (client, request) = upload(None);
    let started = Instant::now();
    let response = tokio::spawn(status(gateway, request));
    for _ in 0..12 {
        tokio::time::sleep(50 * SECOND).await;
        client.send(Ok(vec![0; 20_000])).unwrap();
    }
    drop(client);
    assert_eq!(response.await.unwrap(), 504);
    assert_eq!(started.elapsed().as_secs(), 12 * 50 + 30);
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_is_408_and_a_slow_application_504() {
    let unknown = Buffering::default().with_request_buffering(RequestBuffering::UnknownLength);
    for (buffering, behaviour, expected, seconds) in [
        // The client stalls while its body is collected.
        (Some(Buffering::default()), Behaviour::Reads, 408, 60),
        // The client stalls while its body streams.
        (None, Behaviour::Reads, 408, 30),
        (Some(unknown), Behaviour::Reads, 408, 30),
        (None, Behaviour::NeverReads, 504, 30),
    ] {
        let (service, _) = application(behaviour);
        let gateway = FastCgiGateway::new(service).buffering(buffering).header_timeout(30 * SECOND);
        let (client, request) = upload(Some(100));
        client.send(Ok(vec![0; 10])).unwrap();
        let started = Instant::now();
        assert_eq!(status(gateway, request).await, expected);
        assert_eq!(started.elapsed().as_secs(), seconds);
    }
    // The limit for the whole response includes the upload.
    let (service, _) = application(Behaviour::Reads);
    let gateway = FastCgiGateway::new(service).buffering(Buffering::default()).timeout(20 * SECOND);
    let (_client, request) = upload(None);
    assert_eq!(status(gateway, request).await, 408);
}

/// Polls a gateway's future once, and drops it after the client has sent this much.
async fn abandon(gateway: impl Service<Request, Future = GatewayFuture>, sent: usize) -> Client {
    let (mut gateway, (client, request)) = (gateway, upload(Some(2000)));
    let mut response = gateway.call(request);
    assert!((&mut response).now_or_never().is_none());
    for _ in 0..sent {
        client.send(Ok(vec![0; 1000])).unwrap();
    }
    client
}

#[tokio::test]
async fn an_arrived_body_is_sent_without_its_client() {
    let (service, calls) = application(Behaviour::NeverReads);
    let gateway = FastCgiGateway::new(service).buffering(Buffering::default());
    drop(abandon(gateway, 2).await);
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_incomplete_body_is_dropped_with_its_client() {
    let (service, calls) = application(Behaviour::NeverReads);
    let gateway = FastCgiGateway::new(service).buffering(Buffering::default());
    // The client could send the rest, but it is not read.
    abandon(gateway, 1).await.closed().await;
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}

/// For a service of files, each request is cancelled with its client, whatever it has sent.
#[tokio::test]
async fn a_request_for_a_file_ends_with_its_client() {
    let root = TempDir::new().unwrap();
    let permits = Arc::new(tokio::sync::Semaphore::new(1));
    let held = Arc::clone(&permits);
    let files = tower::service_fn(move |request: Request| {
        let permit = Arc::clone(&held).try_acquire_owned().unwrap();
        async move {
            std::future::pending::<()>().await;
            drop((request, permit));
            Ok::<_, Infallible>("a file".into_response())
        }
    });
    let (service, calls) = application(Behaviour::Reads);
    let gateway = PhpGateway::new(service, root.path()).files(files);
    for sent in [0, 1, 2] {
        drop(abandon(gateway.clone(), sent).await);
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert_eq!(permits.available_permits(), 1);
    }
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}

/// Log lines about it have the fields of the request's span.
#[tokio::test]
async fn an_abandoned_request_keeps_its_span() {
    let (sender, mut receiver) = unbounded_channel();
    let service = tower::service_fn(move |_: Request| {
        sender.send(tracing::Span::current().metadata().map(tracing::Metadata::name)).unwrap();
        std::future::ready(Ok::<_, Infallible>("served".into_response()))
    });
    let gateway = FastCgiGateway::new(service).buffering(Buffering::default());
    let _subscriber = tracing::subscriber::set_default(tracing_subscriber::registry());
    let (mut gateway, (client, request)) = (gateway, upload(Some(1000)));
    let mut response = tracing::error_span!("a request").in_scope(|| gateway.call(request));
    assert!((&mut response).now_or_never().is_none());
    client.send(Ok(vec![0; 1000])).unwrap();
    drop((response, client));
    assert_eq!(receiver.recv().await, Some(Some("a request")));
}

/// The future of a collection that has panicked cannot go on.
#[tokio::test]
async fn a_collection_that_panics_ends() {
    let (application, calls) = application(Behaviour::Reads);
    let mut gateway = FastCgiGateway::new(application).buffering(Buffering::default());
    let body =
        stream::poll_fn(|_| -> Poll<Option<Result<Vec<u8>, BoxError>>> { panic!("the body has a bug") });
    let mut future = gateway.call(Request::post("/").body(Body::from_stream(body)).unwrap());
    let poll = || Pin::new(&mut future).poll(&mut Context::from_waker(std::task::Waker::noop()));
    assert!(catch_unwind(AssertUnwindSafe(poll)).is_err());
    drop(future);
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0, "it would panic again");
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}
