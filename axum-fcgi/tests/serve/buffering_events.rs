//! What goes wrong with a gateway's temporary files is logged with the request.

use std::fs::{self, File, OpenOptions};
use std::path::Path;
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use axum_fcgi::{Buffering, FastCgiGateway};
use futures_util::stream;
use http_body_util::BodyExt as _;
use tempfile::TempDir;
use tokio::task::yield_now;
use tokio::time::timeout;
use tower::{ServiceExt as _, service_fn};

use crate::log::Log;

const CHUNK: usize = 16 * 1024;
const CHUNKS: usize = 40;
/// The bytes of a response that wait in memory until there is as much again to write to its file.
#[cfg(target_os = "linux")]
const WAITING: u64 = 64 * 1024;

fn large_body() -> Body {
    Body::from_stream(stream::iter((0..CHUNKS).map(|_| Ok::<_, BoxError>(Bytes::from(vec![b'x'; CHUNK])))))
}

/// The response of a gateway whose application sends more than `memory` bytes, before any of its body is read.
async fn respond(buffering: Buffering, request: Body) -> Response {
    let application = service_fn(async |_: Request| Ok::<_, BoxError>(Response::new(large_body())));
    let gateway = FastCgiGateway::new(application).buffering(buffering);
    gateway.oneshot(Request::post("/large?q").body(request).unwrap()).await.unwrap()
}

/// Waits until there is a value.
async fn until<T>(mut value: impl FnMut() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(value) = value() {
                return value;
            }
            yield_now().await;
        }
    };
    timeout(Duration::from_secs(60), found).await.unwrap()
}

/// Waits for the only line, and checks that it has all parts.
async fn assert_only(log: &Log, expected: &[&str]) {
    until(|| (!log.warnings().is_empty()).then_some(())).await;
    let lines = log.warnings();
    assert_eq!(lines.len(), 1, "{lines:?}");
    for part in expected.iter().chain(&["method=POST uri=/large?q "]) {
        assert!(lines[0].contains(part), "{part}: {lines:?}");
    }
}

#[tokio::test]
async fn a_request_without_a_file_is_named() {
    let (log, _guard) = Log::start();
    let directory = TempDir::new().unwrap();
    let gone = Buffering::default().with_request_memory(10).with_directory(directory.path().join("gone"));
    let response = respond(gone, large_body()).await;
    assert_eq!(response.status(), 500);
    assert_only(&log, &["the request could not be sent to the application"]).await;
}

#[tokio::test]
async fn a_response_without_a_file_is_named_and_arrives() {
    let directory = TempDir::new().unwrap();
    let small = Buffering::default().with_response_memory(10);
    let limited = "the temporary files of responses are at a limit: the application waits for the client";
    for (buffering, expected) in [
        (
            small.clone().with_directory(directory.path().join("gone")),
            &["buffering a response failed: the application waits for the client", "creating"][..],
        ),
        (
            small.clone().with_directory(directory.path()).with_max_response_file(100_000),
            &[limited, "limit=\"max_response_file\""],
        ),
        (
            small.with_directory(directory.path()).with_max_total_files(200_000),
            &[limited, "limit=\"max_total_files\""],
        ),
    ] {
        let (log, _guard) = Log::start();
        let response = respond(buffering, Body::empty()).await;
        assert_eq!(response.status(), 200);
        assert_only(&log, expected).await;
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body.len(), CHUNK * CHUNKS);
        // The limit is reached again and again while the client reads.
        assert_only(&log, expected).await;
    }
}

/// The open file without a name that was made in a directory.
#[cfg(target_os = "linux")]
fn open_file(directory: &Path) -> Option<File> {
    let open = fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().path());
    let ours = |path: &std::path::PathBuf| fs::read_link(path).is_ok_and(|file| file.starts_with(directory));
    open.filter(ours).find_map(|path| OpenOptions::new().write(true).open(path).ok())
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_response_whose_file_is_damaged_is_named() {
    let (log, _guard) = Log::start();
    let directory = TempDir::new().unwrap();
    let buffering = Buffering::default().with_response_memory(10).with_directory(directory.path());
    let response = respond(buffering.clone(), Body::empty()).await;
    // All was received, and the last 64 KiB wait in memory.
    let file = until(|| {
        let file = open_file(directory.path())?;
        let in_file = (CHUNK * CHUNKS) as u64 - WAITING;
        (buffering.used_memory() == WAITING && file.metadata().unwrap().len() == in_file).then_some(file)
    })
    .await;
    file.set_len(0).unwrap();
    response.into_body().collect().await.unwrap_err();
    assert_only(&log, &["a buffered response is incomplete"]).await;
}
