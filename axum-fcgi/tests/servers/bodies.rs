//! Request bodies, read and not read; large answers.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use bytes::BytesMut;
use libtest_mimic::Failed;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::application::{LARGE, told};
use crate::data;
use crate::runner::Outcome;
use crate::setup::Seen;
use crate::site::Site;

pub(crate) async fn echo(site: Site) -> Outcome {
    for length in [0, 1, 4, 8191, 8193, 65_536] {
        let body = "x".repeat(length);
        assert!(site.post("/echo", body.clone()).await?.body() == &body, "{length} bytes");
    }
    Ok(Seen::Usual)
}

pub(crate) async fn upload_of_1_mib(site: Site) -> Outcome {
    upload(site, 1024 * 1024).await
}

pub(crate) async fn upload_of_10_mb(site: Site) -> Outcome {
    upload(site, LARGE).await
}

async fn upload(site: Site, length: usize) -> Outcome {
    let request = Request::post("/digest").header(header::CONTENT_LENGTH, length);
    let answer = site.send(request.body(data::body(length))?).await?;
    assert_eq!(answer.body(), &told(data::expected(length).await));
    Ok(Seen::Usual)
}

/// A body of no declared length, longer than what a web server has for a buffer.
pub(crate) async fn chunked_upload(site: Site) -> Outcome {
    let length = 300_000;
    let answer = site.post("/digest", data::body(length)).await?;
    if answer.status() != StatusCode::OK {
        return Ok(Seen::instead(answer.status().as_str()));
    }
    assert_eq!(answer.body(), &told(data::expected(length).await));
    Ok(Seen::Usual)
}

/// The answer to a large body that nobody reads.
pub(crate) async fn early_answer(site: Site) -> Outcome {
    for length in [4, LARGE] {
        let (head, body) = post_unread(&site, "/early", length).await?;
        assert!(head.contains(" 404 "), "{length} bytes: {head}");
        assert_eq!(body, b"no");
    }
    Ok(Seen::Usual)
}

pub(crate) async fn early_large_answer(site: Site) -> Outcome {
    let (head, body) = post_unread(&site, "/large", LARGE).await?;
    assert!(head.contains(" 200 "), "{head}");
    let digest = data::digest(Body::from(body)).await?;
    assert_eq!(digest, data::expected(LARGE).await);
    Ok(Seen::Usual)
}

/// Posts in HTTP/1.0, which has no chunks, and reads whether or not the body can be written.
async fn post_unread(site: &Site, target: &str, length: usize) -> Result<(String, Vec<u8>), Failed> {
    let (mut reader, mut writer) = site.connect().await?.into_split();
    let head = format!("POST {target} HTTP/1.0\r\nHost: example.org\r\nContent-Length: {length}\r\n\r\n");
    let writing = tokio::spawn(async move {
        _ = writer.write_all(head.as_bytes()).await;
        _ = writer.write_all(&vec![b'x'; length]).await;
        writer
    });
    let mut answer = BytesMut::new();
    // One that does not want the rest may reset the connection behind its answer, or keep it.
    while !is_whole(&answer) && reader.read_buf(&mut answer).await.is_ok_and(|read| read > 0) {}
    writing.abort();
    let (head, body) = parts(&answer).ok_or("no answer")?;
    Ok((head.to_owned(), body.to_vec()))
}

/// The head and what there is of the body.
fn parts(answer: &[u8]) -> Option<(&str, &[u8])> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let (head, body) = answer.split_at(end + 4);
    Some((std::str::from_utf8(head).ok()?, body))
}

/// Whether it has all that it says it has.
fn is_whole(answer: &[u8]) -> bool {
    let Some((head, body)) = parts(answer) else { return false };
    let mut lengths = head
        .lines()
        .filter_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    lengths.next() == Some(body.len())
}

pub(crate) async fn large_answer(site: Site) -> Outcome {
    let answer = site.open(Request::get("/large").body(Body::empty())?).await?;
    assert_eq!(data::digest(answer.into_body()).await?, data::expected(LARGE).await);
    Ok(Seen::Usual)
}
