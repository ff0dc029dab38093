//! The bodies of requests.

use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, HeaderValue};
use futures_util::{FutureExt as _, stream};
use http_body::Body as _;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::task::yield_now;

use super::super::{CollectError, Collected, RequestBuffering, SpoolError, collect};
use super::{Spool, channel, pattern};

const KIB: usize = 1024;

fn request(body: Body, length: Option<usize>) -> Request {
    let mut request = Request::new(body);
    if let Some(length) = length {
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    request
}

async fn bytes(request: Request) -> Bytes {
    request.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn a_body_in_hand_is_not_copied() {
    let spool = Spool::new(|buffering| buffering);
    for (length, exact) in [(Some(8 * KIB), true), (Some(8 * KIB), false), (None, false)] {
        let data = pattern(0, 8 * KIB);
        let body = if exact {
            Body::from(data.clone())
        } else {
            Body::from_stream(stream::iter([Ok::<_, io::Error>(data.clone())]))
        };
        let mut request = request(body, length);
        assert_eq!(collect(&mut request, &spool.buffering, None).await.unwrap(), Collected::InMemory);
        assert_eq!(spool.used(), (8 * KIB as u64, 0));
        assert_eq!(request.body().size_hint().exact(), Some(8 * KIB as u64));
        assert_eq!(bytes(request).await.as_ptr(), data.as_ptr());
        spool.assert_released().await;
    }
}

#[tokio::test]
async fn a_slow_body_takes_16_kib_and_a_file() {
    const LEN: usize = 100 * KIB + 7;
    let spool = Spool::new(|buffering| buffering);
    for length in [Some(LEN), None] {
        let (client, body) = channel();
        let mut request = request(body, length);
        let place = {
            let mut collecting = pin!(collect(&mut request, &spool.buffering, None));
            for at in (0..LEN).step_by(KIB) {
                client.send(Ok(pattern(at, KIB.min(LEN - at)))).unwrap();
                let received = (at + KIB).min(LEN) as u64;
                // Until this part is stored.
                while spool.used().0 + spool.used().1 < received {
                    assert!(collecting.as_mut().now_or_never().is_none());
                    yield_now().await;
                }
                while spool.used().0 > 16 * KIB as u64 {
                    assert!(collecting.as_mut().now_or_never().is_none());
                    yield_now().await;
                }
            }
            drop(client);
            collecting.await.unwrap()
        };
        assert_eq!(place, Collected::InFile);
        let (memory, files) = spool.used();
        assert_eq!(memory + files, LEN as u64);
        assert!(files >= 84 * KIB as u64, "{files}");
        assert_eq!(spool.open_files(), 1);
        assert_eq!(request.body().size_hint().exact(), Some(LEN as u64));
        assert_eq!(bytes(request).await, pattern(0, LEN));
        spool.assert_released().await;
    }
}

#[tokio::test]
async fn a_fast_body_needs_a_file_above_128_kib() {
    let spool = Spool::new(|buffering| buffering);
    for (chunks, place) in [(16, Collected::InMemory), (17, Collected::InFile), (200, Collected::InFile)] {
        let data = (0..chunks).map(|at| Ok::<_, io::Error>(pattern(at * 8 * KIB, 8 * KIB)));
        let mut request = request(Body::from_stream(stream::iter(data.collect::<Vec<_>>())), None);
        assert_eq!(collect(&mut request, &spool.buffering, None).await.unwrap(), place);
        assert_eq!(bytes(request).await, pattern(0, chunks * 8 * KIB));
        spool.assert_released().await;
    }
}

/// Others have all of the memory.
#[tokio::test]
async fn empty_chunks_make_no_file() {
    let spool = Spool::new(|buffering| buffering.with_max_total_memory(0));
    for chunks in [vec![Bytes::new()], vec![Bytes::new(), pattern(0, KIB), Bytes::new()]] {
        let expected = chunks.concat();
        let body = Body::from_stream(stream::iter(chunks.into_iter().map(Ok::<_, io::Error>)));
        let mut request = request(body, None);
        collect(&mut request, &spool.buffering, None).await.unwrap();
        assert_eq!(bytes(request).await, expected);
        spool.assert_released().await;
    }
}

/// Nothing is read of a body with a longer Content-Length.
#[tokio::test]
async fn a_long_body_is_rejected_at_once() {
    let unread = || {
        Body::from_stream(stream::poll_fn(|_| -> std::task::Poll<Option<io::Result<Bytes>>> {
            panic!("the body is read")
        }))
    };
    let spool = Spool::new(|buffering| buffering.with_max_body(1000));
    let error = collect(&mut request(unread(), Some(1001)), &spool.buffering, None).await.unwrap_err();
    assert!(matches!(error, CollectError::TooLarge { limit: 1000 }), "{error:?}");
    // A body that fits in no file.
    for (files, limit, most) in [(200_000, u64::MAX, 100_000), (0, u64::MAX, 16 * KIB)] {
        let spool = Spool::new(|buffering| buffering.with_max_total_files(files).with_max_body(limit));
        let error = collect(&mut request(unread(), Some(most + 1)), &spool.buffering, None).await;
        assert!(matches!(error, Err(CollectError::TooLarge { limit }) if limit == most as u64), "{error:?}");
    }
    // Of unknown length.
    for (length, fits) in [(1000, true), (1001, false)] {
        let chunks = [pattern(0, 500), pattern(500, length - 500)].map(Ok::<_, io::Error>);
        let mut request = request(Body::from_stream(stream::iter(chunks)), None);
        let collected = collect(&mut request, &spool.buffering, None).await;
        assert_eq!(matches!(collected, Err(CollectError::TooLarge { .. })), !fits, "{collected:?}");
        assert_eq!(collected.is_ok(), fits);
    }
    spool.assert_released().await;
}

#[tokio::test(start_paused = true)]
async fn a_stalled_upload_times_out() {
    let spool = Spool::new(|buffering| buffering);
    let (client, body) = channel();
    let started = tokio::time::Instant::now();
    let feed = async {
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_secs(50)).await;
            client.send(Ok(pattern(0, 20 * KIB))).unwrap();
        }
    };
    let mut first = request(body, None);
    let (collected, ()) = tokio::join!(collect(&mut first, &spool.buffering, None), feed);
    assert!(matches!(collected, Err(CollectError::Timeout)), "{collected:?}");
    assert_eq!(started.elapsed().as_secs(), 5 * 50 + 60);
    spool.assert_released().await;

    // The limit of the whole response.
    let (_client, body) = channel();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    let collected = collect(&mut request(body, None), &spool.buffering, Some(deadline)).await;
    assert!(matches!(collected, Err(CollectError::Timeout)), "{collected:?}");
    assert_eq!(tokio::time::Instant::now(), deadline);
}

#[tokio::test]
async fn one_body_gets_an_eighth_of_the_files() {
    let spool = Spool::new(|buffering| buffering.with_max_total_files(2 << 20));
    let (client, body) = channel();
    let mut stalled = request(body, None);
    let mut collecting = pin!(collect(&mut stalled, &spool.buffering, None));
    for at in 0..256 {
        client.send(Ok(pattern(at * KIB, KIB))).unwrap();
    }
    while spool.used().1 < 240 * KIB as u64 {
        assert!(collecting.as_mut().now_or_never().is_none());
        yield_now().await;
    }
    // Another visitor.
    let chunks = (0..100).map(|at| Ok::<_, io::Error>(pattern(at * KIB, KIB)));
    let visitor = Spool::new(|_| spool.buffering.clone().with_request_memory(KIB));
    let mut other = request(Body::from_stream(stream::iter(chunks.collect::<Vec<_>>())), None);
    collect(&mut other, &visitor.buffering.with_max_total_memory(0), None).await.unwrap();
    assert_eq!(bytes(other).await, pattern(0, 100 * KIB));
    // More is too long.
    client.send(Ok(pattern(0, 1))).unwrap();
    let error = collecting.await.unwrap_err();
    assert!(matches!(error, CollectError::TooLarge { limit: 262_144 }), "{error:?}");
}

/// Collects a body whose client sends this much each second, until the collection ends.
async fn at_rate(spool: &Spool, bytes_per_second: usize) -> (Result<Collected, CollectError>, u64) {
    let (client, body) = channel();
    let feed = async {
        for _ in 0..1000 {
            let _ = client.send(Ok(pattern(0, bytes_per_second * 10)));
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
        drop(client);
    };
    let started = tokio::time::Instant::now();
    let mut request = request(body, None);
    let mut feed = pin!(feed);
    let mut collecting = pin!(collect(&mut request, &spool.buffering, None));
    let collected = tokio::select! {
        collected = &mut collecting => collected,
        () = &mut feed => collecting.await,
    };
    (collected, started.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_slow_upload_is_given_up() {
    let spool = Spool::new(|buffering| buffering.with_body_timeout(None));
    for (rate, seconds) in [(1, 60), (200, 60), (250, 10_000), (1000, 10_000)] {
        let (collected, took) = at_rate(&spool, rate).await;
        assert_eq!(took, seconds, "{rate}");
        assert_eq!(matches!(collected, Err(CollectError::TooSlow)), rate < 240, "{collected:?}");
    }
    let spool = Spool::new(|buffering| buffering.with_body_timeout(None).with_min_body_rate(0));
    assert!(at_rate(&spool, 1).await.0.is_ok());
    // The whole body.
    let spool = Spool::new(|buffering| buffering);
    let (collected, took) = at_rate(&spool, 1000).await;
    assert!(matches!(collected, Err(CollectError::TooSlow)), "{collected:?}");
    assert_eq!(took, 2 * 60 * 60);
    spool.assert_released().await;
}

#[tokio::test]
async fn used_up_files_reject_until_they_are_free() {
    let spool = Spool::new(|buffering| buffering.with_max_total_files(600 * 1024).with_max_body(300 * 1024));
    let other = spool.buffering.clone();
    let upload = || {
        let data = (0..25).map(|at| Ok::<_, io::Error>(pattern(at * 8 * KIB, 8 * KIB)));
        request(Body::from_stream(stream::iter(data.collect::<Vec<_>>())), None)
    };
    let mut first = upload();
    assert_eq!(collect(&mut first, &spool.buffering, None).await.unwrap(), Collected::InFile);
    let error = collect(&mut upload(), &other, None).await.unwrap_err();
    assert!(matches!(error, CollectError::Spool(SpoolError::TotalUsedUp)), "{error:?}");
    assert!(spool.buffering.used_files() <= 300 * 1024);
    drop(first);
    spool.assert_released().await;
    let mut next = upload();
    assert_eq!(collect(&mut next, &other, None).await.unwrap(), Collected::InFile);
    assert_eq!(bytes(next).await, pattern(0, 200 * KIB));
}

#[tokio::test]
async fn used_up_memory_sends_bodies_to_files() {
    let spool = Spool::new(|buffering| buffering.with_max_total_memory(10_000));
    let mut first = request(Body::from(pattern(0, 9000)), None);
    assert_eq!(collect(&mut first, &spool.buffering, None).await.unwrap(), Collected::InMemory);
    let mut second = request(Body::from(pattern(0, 2000)), None);
    assert_eq!(collect(&mut second, &spool.buffering, None).await.unwrap(), Collected::InFile);
    assert_eq!(spool.used(), (9000, 2000));
    assert_eq!(bytes(second).await, pattern(0, 2000));
    drop(first);
    spool.assert_released().await;
}

#[tokio::test]
async fn a_missing_directory_is_named_in_the_error() {
    let mut spool = Spool::new(|buffering| buffering.with_request_memory(10));
    let gone = spool.directory.path().join("gone");
    spool.buffering = spool.buffering.with_directory(&gone);
    let (client, body) = channel();
    client.send(Ok(pattern(0, 11))).unwrap();
    let error = collect(&mut request(body, None), &spool.buffering, None).await.unwrap_err();
    let CollectError::Spool(SpoolError::Io { directory, .. }) = &error else { panic!("{error:?}") };
    assert_eq!(*directory, gone);
    let text = std::error::Error::source(&error).unwrap().to_string();
    assert!(text.contains(gone.to_str().unwrap()), "{text}");
    spool.assert_released().await;
}

#[tokio::test]
async fn a_failed_or_abandoned_upload_leaves_nothing() {
    let spool = Spool::new(|buffering| buffering.with_request_memory(10));
    let (client, body) = channel();
    client.send(Ok(pattern(0, KIB))).unwrap();
    client.send(Err("gone")).unwrap();
    let error = collect(&mut request(body, None), &spool.buffering, None).await.unwrap_err();
    assert!(matches!(error, CollectError::Client(_)), "{error:?}");
    spool.assert_released().await;

    // Dropped at each point.
    for polls in 0..20 {
        let (client, body) = channel();
        let mut request = request(body, Some(10 * KIB));
        {
            let mut collecting = pin!(collect(&mut request, &spool.buffering, None));
            for at in 0..polls {
                client.send(Ok(pattern(at, 100))).unwrap();
                assert!(collecting.as_mut().now_or_never().is_none());
                yield_now().await;
            }
        }
        drop(request);
        spool.assert_released().await;
    }
}

#[tokio::test]
async fn a_body_must_have_its_declared_length() {
    let spool = Spool::new(|buffering| buffering);
    for length in [99, 101] {
        let (client, body) = channel();
        client.send(Ok(pattern(0, 100))).unwrap();
        drop(client);
        let error = collect(&mut request(body, Some(length)), &spool.buffering, None).await.unwrap_err();
        assert!(matches!(error, CollectError::Length { collected: 100, .. }), "{error:?}");
    }
}

/// RFC 9110 §8.6: digits only.
#[tokio::test]
async fn a_signed_content_length_is_none() {
    let spool = Spool::new(|buffering| buffering);
    let (client, body) = channel();
    client.send(Ok(pattern(0, 5))).unwrap();
    drop(client);
    let mut request = request(body, None);
    request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("+3"));
    collect(&mut request, &spool.buffering, None).await.unwrap();
    assert_eq!(bytes(request).await, pattern(0, 5));
}

#[tokio::test]
async fn trailers_of_a_request_are_dropped() {
    let spool = Spool::new(|buffering| buffering);
    let frames = [http_body::Frame::data(pattern(0, 10)), http_body::Frame::trailers(HeaderMap::new())];
    let body = Body::new(StreamBody::new(stream::iter(frames.map(Ok::<_, io::Error>))));
    let mut request = request(body, None);
    collect(&mut request, &spool.buffering, None).await.unwrap();
    assert_eq!(bytes(request).await, pattern(0, 10));
}

#[tokio::test]
async fn only_the_chosen_bodies_are_collected() {
    for (requests, length, place) in [
        (RequestBuffering::UnknownLength, Some(10), Collected::No),
        (RequestBuffering::UnknownLength, None, Collected::InMemory),
        (RequestBuffering::Off, Some(10), Collected::No),
        (RequestBuffering::Off, None, Collected::No),
    ] {
        let spool = Spool::new(|buffering| buffering.with_request_buffering(requests));
        let (client, body) = channel();
        client.send(Ok(pattern(0, 10))).unwrap();
        drop(client);
        let mut request = request(body, length);
        let collected = collect(&mut request, &spool.buffering, None).await.unwrap();
        assert_eq!(collected, place, "{requests:?} {length:?}");
        assert_eq!(bytes(request).await, pattern(0, 10));
    }
}
