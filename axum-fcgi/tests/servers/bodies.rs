//! Request bodies, read and unread; large responses.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use bytes::BytesMut;
use libtest_mimic::Failed;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::application::{LARGE, digest_text};
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
    let response = site.send(request.body(data::body(length))?).await?;
    assert_eq!(response.body(), &digest_text(data::expected(length).await));
    Ok(Seen::Usual)
}

/// A body without Content-Length, larger than a web server's buffer.
pub(crate) async fn chunked_upload(site: Site) -> Outcome {
    let length = 300_000;
    let response = site.post("/digest", data::body(length)).await?;
    if response.status() != StatusCode::OK {
        return Ok(Seen::instead(response.status().as_str()));
    }
    assert_eq!(response.body(), &digest_text(data::expected(length).await));
    Ok(Seen::Usual)
}

/// The response to a large body that the handler does not read.
pub(crate) async fn early_response(site: Site) -> Outcome {
    for length in [4, LARGE] {
        let (head, body) = post_unread(&site, "/early", length).await?;
        assert!(head.contains(" 404 "), "{length} bytes: {head}");
        assert_eq!(body, b"no");
    }
    Ok(Seen::Usual)
}

pub(crate) async fn early_large_response(site: Site) -> Outcome {
    let (head, body) = post_unread(&site, "/large", LARGE).await?;
    assert!(head.contains(" 200 "), "{head}");
    let digest = data::digest(Body::from(body)).await?;
    assert_eq!(digest, data::expected(LARGE).await);
    Ok(Seen::Usual)
}

/// Posts in HTTP/1.0, which has no chunked encoding, and reads the response even if the body cannot be
/// written.
async fn post_unread(site: &Site, target: &str, length: usize) -> Result<(String, Vec<u8>), Failed> {
    let (mut reader, mut writer) = site.connect().await?.into_split();
    let head = format!("POST {target} HTTP/1.0\r\nHost: example.org\r\nContent-Length: {length}\r\n\r\n");
    let writing = tokio::spawn(async move {
        _ = writer.write_all(head.as_bytes()).await;
        _ = writer.write_all(&vec![b'x'; length]).await;
        writer
    });
    let mut response = BytesMut::new();
    // A web server that rejects the rest may reset the connection after its response, or keep it open.
    while !is_whole(&response) && reader.read_buf(&mut response).await.is_ok_and(|read| read > 0) {}
    writing.abort();
    let (head, body) = parts(&response).ok_or("no response")?;
    Ok((head.to_owned(), body.to_vec()))
}

/// The head, and the part of the body received so far.
fn parts(response: &[u8]) -> Option<(&str, &[u8])> {
    let end = response.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let (head, body) = response.split_at(end + 4);
    Some((std::str::from_utf8(head).ok()?, body))
}

/// Whether the body is as long as its Content-Length.
fn is_whole(response: &[u8]) -> bool {
    let Some((head, body)) = parts(response) else { return false };
    let mut lengths = head
        .lines()
        .filter_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    lengths.next() == Some(body.len())
}

pub(crate) async fn large_response(site: Site) -> Outcome {
    let response = site.open(Request::get("/large").body(Body::empty())?).await?;
    assert_eq!(data::digest(response.into_body()).await?, data::expected(LARGE).await);
    Ok(Seen::Usual)
}
