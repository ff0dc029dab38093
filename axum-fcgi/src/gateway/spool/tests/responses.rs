//! The bodies of responses.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::{HeaderName, HeaderValue};
use futures_util::{StreamExt as _, stream};
use http_body::Body as _;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::task::yield_now;

use super::super::{Buffering, Collected, ResponseBuffering, buffer_response, collect};
use super::{Spool, channel, no_request, observed_channel, pattern};

const KIB: usize = 1024;

fn buffered(body: Body, buffering: &Buffering) -> Body {
    buffer_response(body, &HeaderMap::new(), buffering, None, no_request())
}

async fn next(body: &mut Body) -> Option<Bytes> {
    let frame = body.frame().await?;
    Some(frame.unwrap().into_data().unwrap())
}

/// The response of an application that sends `len` bytes in chunks of 10 KiB.
fn response(len: usize) -> Body {
    let chunks = (0..len).step_by(10 * KIB).map(move |at| pattern(at, (10 * KIB).min(len - at)));
    let (application, body) = channel();
    for chunk in chunks {
        application.send(Ok(chunk)).unwrap();
    }
    body
}

#[tokio::test]
async fn a_response_in_hand_needs_no_task() {
    let spool = Spool::new(|buffering| buffering);
    let mut body = buffered(response(50 * KIB), &spool.buffering);
    assert_eq!(spool.used(), (50 * KIB as u64, 0));
    // The framing does not depend on how fast the application is.
    assert_eq!(body.size_hint().exact(), None);
    for at in 0..5 {
        assert!(!body.is_end_stream());
        assert_eq!(next(&mut body).await.unwrap(), pattern(at * 10 * KIB, 10 * KIB));
    }
    assert!(body.is_end_stream());
    spool.assert_released().await;

    let mut body = buffered(Body::from(pattern(0, 100)), &spool.buffering);
    assert_eq!(body.size_hint().exact(), Some(100));
    assert_eq!(next(&mut body).await.unwrap(), pattern(0, 100));
    assert_eq!(body.size_hint().exact(), Some(0));
}

/// Each event arrives before the next one is sent.
#[tokio::test]
async fn a_stream_arrives_at_once() {
    let spool = Spool::new(|buffering| buffering);
    let (application, body) = channel();
    let mut body = buffered(body, &spool.buffering);
    for at in 0..100 {
        application.send(Ok(pattern(at, 20))).unwrap();
        assert_eq!(next(&mut body).await.unwrap(), pattern(at, 20));
    }
    drop(application);
    assert_eq!(next(&mut body).await, None);
    spool.assert_released().await;
}

/// Reads the rest of a response.
async fn rest(body: &mut Body) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(chunk) = next(body).await {
        all.extend_from_slice(&chunk);
    }
    all
}

#[tokio::test]
async fn an_unread_response_releases_its_worker() {
    const LEN: usize = 3 * 1024 * KIB + 5;
    let spool = Spool::new(|buffering| buffering);
    let (application, body, ended) = observed_channel();
    let mut body = buffered(body, &spool.buffering);
    for at in (0..LEN).step_by(KIB) {
        application.send(Ok(pattern(at, KIB.min(LEN - at)))).unwrap();
    }
    drop(application);
    assert!(ended.await.is_err());
    let (memory, files) = spool.used();
    assert!(memory <= 64 * KIB as u64 + 64 * KIB as u64, "{memory}");
    assert_eq!(memory + files, LEN as u64);
    assert_eq!(spool.open_files(), 1);
    assert_eq!(rest(&mut body).await, pattern(0, LEN));
    spool.assert_released().await;
}

/// Clients that do not read their downloads.
#[tokio::test]
async fn unread_responses_leave_room_for_uploads() {
    const HALF: u64 = 500 * KIB as u64;
    let spool = Spool::new(|buffering| buffering.with_max_total_files(2 * HALF));
    let mut unread = Vec::new();
    while spool.buffering.used_files() < HALF - 100 * KIB as u64 {
        unread.push(buffered(response(400 * KIB), &spool.buffering));
        for _ in 0..100 {
            tokio::task::spawn_blocking(|| ()).await.unwrap();
        }
    }
    assert!(spool.buffering.used_files() <= HALF);
    let upload = (0..30).map(|at| Ok::<_, io::Error>(pattern(at * 10 * KIB, 10 * KIB)));
    let body = Body::from_stream(stream::iter(upload.collect::<Vec<_>>()));
    let mut request = axum::extract::Request::new(body);
    let buffering = spool.buffering.clone().with_max_body(HALF);
    assert_eq!(collect(&mut request, &buffering, None).await.unwrap(), Collected::InFile);
    let uploaded = request.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(uploaded, pattern(0, 300 * KIB));
    drop(unread);
    spool.assert_released().await;
}

/// Reads and writes in all orders and sizes.
#[tokio::test]
async fn bytes_keep_their_order_at_any_speed() {
    let mut seed = 7_u32;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize % below
    };
    for round in 0..24 {
        let files = [0, 200_000, 1 << 30][round % 3];
        let total = [0, 20_000, 300_000, 1 << 30][round % 4];
        let spool = Spool::new(|buffering| {
            buffering.with_response_memory(10_000).with_max_response_file(files).with_max_total_memory(total)
        });
        let (application, body) = channel();
        let mut body = buffered(body, &spool.buffering);
        let (mut sent, mut read) = (0, 0);
        while read < 2_000_000 {
            for _ in 0..random(40) {
                let len = 1 + random(30_000);
                application.send(Ok(pattern(sent, len))).unwrap();
                sent += len;
                yield_now().await;
            }
            for _ in 0..random(60) {
                if read == sent {
                    break;
                }
                let chunk = next(&mut body).await.unwrap();
                assert_eq!(chunk, pattern(read, chunk.len()));
                read += chunk.len();
            }
            assert!(spool.buffering.used_files() <= files);
        }
        drop(application);
        assert_eq!(rest(&mut body).await, pattern(read, sent - read));
        spool.assert_released().await;
    }
}

/// With and without files.
#[tokio::test]
async fn beyond_its_limits_the_application_waits() {
    for (memory, file, total) in
        [(0, 0, 1 << 30), (64, 0, 1 << 30), (64, 256, 1 << 30), (64, 1 << 20, 256 << 10)]
    {
        let spool = Spool::new(|buffering| {
            let buffering = buffering.with_response_memory(memory * KIB).with_max_total_files(total);
            buffering.with_max_response_file(file * KIB as u64)
        });
        let chunks = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = std::sync::Arc::clone(&chunks);
        let application = stream::iter(0..100).map(move |at| {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok::<_, io::Error>(pattern(at * 10 * KIB, 10 * KIB))
        });
        let mut body = buffered(Body::from_stream(application), &spool.buffering);
        // A task on this thread has run as far as it can, once its file is written.
        let mut quiet = 0;
        let mut before = 0;
        while quiet < 1000 {
            tokio::task::spawn_blocking(|| ()).await.unwrap();
            let now = chunks.load(std::sync::atomic::Ordering::Relaxed);
            quiet = if now == before { quiet + 1 } else { 0 };
            before = now;
        }
        let taken = before * 10;
        let limit = memory + 64 + 20 + usize::try_from(file.min(total / KIB as u64)).unwrap();
        assert!(taken <= limit, "{taken} KiB of {limit}");
        assert_eq!(rest(&mut body).await, pattern(0, 1000 * KIB));
        spool.assert_released().await;
    }
}

#[tokio::test]
async fn a_failed_response_fails_after_its_bytes() {
    let spool = Spool::new(|buffering| buffering);
    for (len, files) in [(10 * KIB, false), (500 * KIB, true)] {
        let (application, body, ended) = observed_channel();
        for at in (0..len).step_by(10 * KIB) {
            application.send(Ok(pattern(at, 10 * KIB))).unwrap();
        }
        application.send(Err("broken")).unwrap();
        let mut body = buffered(body, &spool.buffering);
        assert!(ended.await.is_err());
        assert_eq!(spool.buffering.used_files() > 0, files);
        let mut read = 0;
        let error = loop {
            match body.frame().await.expect("an error") {
                Ok(frame) => {
                    let chunk = frame.into_data().unwrap();
                    assert_eq!(chunk, pattern(read, chunk.len()));
                    read += chunk.len();
                }
                Err(error) => break error,
            }
        };
        assert_eq!((read, &*error.to_string()), (len, "broken"));
        assert!(body.frame().await.is_none());
        spool.assert_released().await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_releases_everything() {
    let spool = Spool::new(|buffering| buffering);
    for len in [KIB, 100 * KIB, 500 * KIB] {
        let (application, body, dropped) = observed_channel();
        let body = buffered(body, &spool.buffering);
        for at in (0..len).step_by(KIB) {
            application.send(Ok(pattern(at, KIB))).unwrap();
        }
        while spool.used().0 + spool.used().1 < len as u64 {
            yield_now().await;
        }
        drop(body);
        assert!(dropped.await.is_err());
        assert!(application.is_closed());
        spool.assert_released().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_reading_is_given_up() {
    let spool = Spool::new(|buffering| buffering.with_send_timeout(Duration::from_secs(100)));
    let (application, body, dropped) = observed_channel();
    let mut body = buffered(body, &spool.buffering);
    // Without anything to read, it is the application that is slow.
    tokio::time::sleep(Duration::from_secs(1000)).await;
    for at in 0..500 {
        application.send(Ok(pattern(at * KIB, KIB))).unwrap();
    }
    let mut read = 0;
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_secs(90)).await;
        let chunk = next(&mut body).await.unwrap();
        assert_eq!(chunk, pattern(read, chunk.len()));
        read += chunk.len();
    }
    let read_last = tokio::time::Instant::now();
    assert!(dropped.await.is_err());
    assert_eq!(read_last.elapsed().as_secs(), 100);
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the client read nothing of the response in time");
    spool.assert_released().await;
}

/// There is no room, so the application's body is not polled.
#[tokio::test(start_paused = true)]
async fn the_total_timeout_ends_a_full_buffer() {
    let spool = Spool::new(|buffering| buffering.with_max_response_file(0).with_send_timeout(None));
    let (application, body, dropped) = observed_channel();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(100);
    let mut body = buffer_response(body, &HeaderMap::new(), &spool.buffering, Some(deadline), no_request());
    for at in 0..500 {
        application.send(Ok(pattern(at * KIB, KIB))).unwrap();
    }
    assert!(dropped.await.is_err());
    assert!(tokio::time::Instant::now() >= deadline);
    let mut read = 0;
    let error = loop {
        match body.frame().await.unwrap() {
            Ok(frame) => read += frame.into_data().unwrap().len(),
            Err(error) => break error,
        }
    };
    assert!(read > 0 && read < 500 * KIB, "{read}");
    assert_eq!(error.to_string(), "the whole response took too long");
    spool.assert_released().await;
}

/// The application has ended before: what the client gets must not look complete.
#[tokio::test(start_paused = true)]
async fn a_stalled_response_fails_after_its_end() {
    let spool = Spool::new(|buffering| buffering.with_send_timeout(Duration::from_secs(100)));
    let (application, body, dropped) = observed_channel();
    let mut body = buffered(body, &spool.buffering);
    for at in 0..10 {
        application.send(Ok(pattern(at * KIB, KIB))).unwrap();
    }
    drop(application);
    assert!(dropped.await.is_err());
    assert_eq!(next(&mut body).await.unwrap(), pattern(0, KIB));
    tokio::time::sleep(Duration::from_secs(1000)).await;
    assert!(!body.is_end_stream());
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the client read nothing of the response in time");
    assert!(body.frame().await.is_none());
    spool.assert_released().await;
}

#[tokio::test]
async fn without_a_file_a_response_is_delivered() {
    let mut spool = Spool::new(|buffering| buffering);
    spool.buffering = spool.buffering.with_directory(spool.directory.path().join("gone"));
    let mut body = buffered(response(1000 * KIB), &spool.buffering);
    assert_eq!(rest(&mut body).await, pattern(0, 1000 * KIB));
    spool.assert_released().await;
}

#[tokio::test]
async fn unbuffered_responses_keep_nothing() {
    let spool = Spool::new(|buffering| buffering);
    let off = spool.buffering.clone().with_response_buffering(ResponseBuffering::Off);
    let header = |value| {
        let name = HeaderName::from_static("x-accel-buffering");
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    };
    for (headers, buffering, memory) in [
        (header("no"), &spool.buffering, 0),
        (header("No"), &spool.buffering, 0),
        (header("yes"), &spool.buffering, 10 * KIB as u64),
        (HeaderMap::new(), &off, 0),
    ] {
        let body = buffer_response(response(10 * KIB), &headers, buffering, None, no_request());
        assert_eq!(spool.used().0, memory, "{headers:?}");
        drop(body);
    }
}

#[tokio::test]
async fn trailers_of_a_response_are_kept() {
    let spool = Spool::new(|buffering| buffering);
    let trailers = HeaderMap::from_iter([(HeaderName::from_static("x-sum"), HeaderValue::from_static("1"))]);
    for len in [10, 200 * KIB] {
        let frames = [http_body::Frame::data(pattern(0, len)), http_body::Frame::trailers(trailers.clone())];
        let body = Body::new(StreamBody::new(stream::iter(frames.map(Ok::<_, io::Error>))));
        let collected = buffered(body, &spool.buffering).collect().await.unwrap();
        assert_eq!(collected.trailers(), Some(&trailers));
        assert_eq!(collected.to_bytes(), pattern(0, len));
    }
    spool.assert_released().await;
}
