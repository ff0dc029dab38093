//! Large bodies that are never in memory as a whole, and their checksum.

use std::convert::Infallible;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use crc32fast::Hasher;
use futures_util::{Stream, stream};
use http_body_util::BodyExt;

const CHUNK: usize = 64 * 1024;

/// `length` bytes. No chunk repeats, so a lost, doubled or misplaced chunk changes the checksum.
pub(crate) fn bytes(length: usize) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
    let noise = noise();
    stream::iter((0..length).step_by(CHUNK).map(move |start| {
        let mut chunk = noise.clone();
        chunk[..8].copy_from_slice(&(start as u64).to_be_bytes());
        chunk.truncate(length - start);
        Ok(chunk.into())
    }))
}

/// [`bytes`] as a body without Content-Length.
pub(crate) fn body(length: usize) -> Body {
    Body::from_stream(bytes(length))
}

/// Bytes without a repeating pattern, so that an offset that is wrong by a power of two also shows.
fn noise() -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(CHUNK).collect()
}

/// The length and checksum of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digest {
    pub(crate) length: usize,
    pub(crate) crc32: u32,
}

/// Reads a body to its end.
pub(crate) async fn digest<B>(mut body: B) -> Result<Digest, B::Error>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let (mut length, mut crc32) = (0, Hasher::new());
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            length += data.len();
            crc32.update(&data);
        }
    }
    Ok(Digest { length, crc32: crc32.finalize() })
}

/// The digest of [`bytes`].
pub(crate) async fn expected(length: usize) -> Digest {
    let Ok(digest) = digest(body(length)).await else { unreachable!("a body from memory does not fail") };
    digest
}
