//! Clients that read slowly.

use std::convert::Infallible;

use axum::{
    Router,
    body::{Body, Bytes},
    http::header,
    routing::get,
};
use futures_util::{StreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{runner::Outcome, signals::door, site::Place};

static CHUNK: [u8; 1 << 16] = [b'x'; 1 << 16];
/// Together more than all socket buffers hold.
const CHUNKS: usize = 512;

/// With buffering, nginx takes the whole response while the client reads nothing.
pub(crate) async fn occupy_nginx_and_not_the_application(place: Place) -> Outcome {
    let (door, mut watch) = door();
    let handler = || async move {
        let presence = door.enter();
        let body = stream::iter(0..CHUNKS).map(move |_| {
            let _presence = &presence;
            Ok::<_, Infallible>(Bytes::from_static(&CHUNK))
        });
        ([(header::CONTENT_LENGTH, (CHUNKS * CHUNK.len()).to_string())], Body::from_stream(body))
    };
    let site = place.serve(Router::new().route("/", get(handler))).await?;
    let mut client = site.connect().await?;
    client.write_all(b"GET / HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n").await?;
    let departure = watch.entered().await;
    departure.seen().await;

    let mut response = Vec::new();
    client.read_to_end(&mut response).await?;
    let head = response.windows(4).position(|end| end == b"\r\n\r\n").ok_or("no head")?;
    assert_eq!(response.len() - head - 4, CHUNKS * CHUNK.len());
    Ok(())
}
