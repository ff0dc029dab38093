//! Services that are not always ready: each request waits only for its own service.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::error_handling::HandleError;
use axum::extract::Request;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum_fcgi::Authorized;
use fcgi_core::{BeginRequest, RecordEncoder, RecordType, Role, encode_pair};
use tokio::io::{AsyncWriteExt as _, DuplexStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tower::Service;
use tower::buffer::Buffer;
use tower::limit::{ConcurrencyLimit, RateLimit, rate::Rate};
use tower::load_shed::LoadShed;

use crate::in_memory::{self, Entrance};
use crate::wire::{ID, bytes, read_response};

const SECOND: Duration = Duration::from_secs(1);

/// Responds with its name, and allows; at `/held` it waits for the gate.
fn named(
    name: &'static str,
    gate: &Arc<Semaphore>,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
    let gate = Arc::clone(gate);
    tower::service_fn(move |request: Request<Body>| {
        let gate = Arc::clone(&gate);
        async move {
            if request.uri() == "/held" {
                gate.acquire().await.unwrap().forget();
            }
            Ok(if name == "authorizer" { Authorized::new().into_response() } else { name.into_response() })
        }
    })
}

fn request(role: Role, path: &str) -> Vec<u8> {
    let mut out = RecordEncoder::new();
    out.write_record(RecordType::BEGIN_REQUEST, ID, &BeginRequest { role, keep_conn: true }.encode());
    let mut pairs = Vec::new();
    for (name, value) in [("REQUEST_METHOD", "GET"), ("REQUEST_URI", path), ("FCGI_DATA_LENGTH", "0")] {
        encode_pair(&mut pairs, name.as_bytes(), value.as_bytes());
    }
    out.write_stream(RecordType::PARAMS, ID, &pairs);
    out.write_stream_end(RecordType::PARAMS, ID);
    if role != Role::AUTHORIZER {
        out.write_stream_end(RecordType::STDIN, ID);
    }
    if role == Role::FILTER {
        out.write_stream_end(RecordType::DATA, ID);
    }
    bytes(&out)
}

/// Sends a request on its own connection, which stays open.
async fn send(entrance: &Entrance, role: Role, path: &str) -> DuplexStream {
    let mut io = entrance.connect();
    io.write_all(&request(role, path)).await.unwrap();
    // With paused time, this completes once all tasks are idle.
    sleep(Duration::from_millis(1)).await;
    io
}

/// The response, if it has arrived by now.
async fn response_now(io: &mut DuplexStream) -> Option<String> {
    Some(timeout(Duration::from_millis(1), read_response(io)).await.ok()?.unwrap())
}

const ROLES: [(Role, &str); 3] =
    [(Role::RESPONDER, "responder"), (Role::AUTHORIZER, "200 OK"), (Role::FILTER, "filter")];

#[tokio::test(start_paused = true)]
async fn a_busy_role_blocks_no_other() {
    for (busy, _) in ROLES {
        let gate = Arc::new(Semaphore::new(0));
        let (entrance, listener) = in_memory::listener();
        let serve = axum_fcgi::serve(listener, ConcurrencyLimit::new(named("responder", &gate), 1))
            .with_authorizer(ConcurrencyLimit::new(named("authorizer", &gate), 1))
            .with_filter(ConcurrencyLimit::new(named("filter", &gate), 1));
        tokio::spawn(serve.into_future());
        let mut held = send(&entrance, busy, "/held").await;
        let mut waits = send(&entrance, busy, "/").await;
        let mut kept = Vec::new();
        for (role, expected) in ROLES.into_iter().filter(|(role, _)| *role != busy).cycle().take(4) {
            let mut io = send(&entrance, role, "/").await;
            let response = response_now(&mut io).await.expect("it must not wait for another role's service");
            assert!(response.contains(expected), "{response}");
            kept.push(io);
        }
        assert_eq!(response_now(&mut waits).await, None);
        gate.add_permits(1);
        assert!(response_now(&mut held).await.is_some());
        assert!(response_now(&mut waits).await.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn idle_connections_keep_no_role_busy() {
    let gate = Arc::new(Semaphore::new(0));
    let (entrance, listener) = in_memory::listener();
    let serve = axum_fcgi::serve(listener, named("responder", &gate))
        .with_authorizer(ConcurrencyLimit::new(named("authorizer", &gate), 1));
    tokio::spawn(serve.into_future());
    let mut kept = Vec::new();
    for (role, expected) in ROLES.into_iter().take(2).cycle().take(8) {
        let mut io = send(&entrance, role, "/").await;
        let response = response_now(&mut io).await.expect("an idle connection must not hold the service");
        assert!(response.contains(expected), "{response}");
        kept.push(io);
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_around_a_router_counts_requests() {
    let gate = Arc::new(Semaphore::new(0));
    let router = Router::new().fallback_service(named("served", &gate));
    let (entrance, listener) = in_memory::listener();
    tokio::spawn(axum_fcgi::serve(listener, ConcurrencyLimit::new(router, 1)).into_future());
    let mut kept = Vec::new();
    for path in ["/", "/x/../y", "/", "no path", "/"] {
        let mut io = send(&entrance, Role::RESPONDER, path).await;
        let response = response_now(&mut io).await.expect("an idle connection must not hold the permit");
        assert_eq!(response.starts_with("Status: 400 "), path != "/", "{response}");
        kept.push(io);
    }
}

#[tokio::test(start_paused = true)]
async fn load_shed_counts_requests_in_flight() {
    let gate = Arc::new(Semaphore::new(0));
    let router = Router::new().fallback_service(named("served", &gate));
    let shed = LoadShed::new(ConcurrencyLimit::new(router, 1));
    let service = HandleError::new(shed, async |_: axum::BoxError| StatusCode::SERVICE_UNAVAILABLE);
    let (entrance, listener) = in_memory::listener();
    tokio::spawn(axum_fcgi::serve(listener, service).into_future());
    let mut held = send(&entrance, Role::RESPONDER, "/held").await;
    let mut shed = Vec::new();
    for _ in 0..2 {
        let mut io = send(&entrance, Role::RESPONDER, "/").await;
        assert!(response_now(&mut io).await.unwrap().starts_with("Status: 503 "));
        shed.push(io);
    }
    gate.add_permits(1);
    assert!(response_now(&mut held).await.unwrap().ends_with("served"));
    for io in &mut shed {
        io.write_all(&request(Role::RESPONDER, "/")).await.unwrap();
        assert!(response_now(io).await.unwrap().ends_with("served"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_buffered_rate_limit_serves_all_in_time() {
    let count = async |uri: Uri| uri.to_string();
    let limited = RateLimit::new(Router::new().fallback(count), Rate::new(2, SECOND));
    let service =
        HandleError::new(Buffer::new(limited, 1), async |_: axum::BoxError| StatusCode::BAD_GATEWAY);
    let (entrance, listener) = in_memory::listener();
    tokio::spawn(axum_fcgi::serve(listener, service).into_future());
    let mut all = Vec::new();
    for number in 1..=6 {
        all.push(send(&entrance, Role::RESPONDER, &format!("/{number}")).await);
    }
    for (at, io) in all.iter_mut().enumerate() {
        if at % 2 == 0 && at > 0 {
            assert_eq!(response_now(io).await, None, "{at}");
            sleep(SECOND).await;
        }
        let response = response_now(io).await.expect("each request must be served in its second");
        assert!(response.ends_with(&format!("/{}", at + 1)), "{response}");
    }
}
