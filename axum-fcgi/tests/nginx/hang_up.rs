//! Clients that disconnect.

use std::{convert::Infallible, future::pending};

use axum::{
    Router,
    body::Body,
    extract::Request,
    routing::{any, get, post},
};
use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use tokio::{io::AsyncWriteExt, sync::mpsc};

use crate::{
    runner::Outcome,
    signals::{Presence, door},
    site::Place,
};

/// nginx closes the connection to the application when the client disconnects; a waiting handler is dropped.
pub(crate) async fn drops_a_waiting_handler(place: Place) -> Outcome {
    let (door, mut watch) = door();
    let handler = || async move {
        let _presence = door.enter();
        pending::<()>().await;
    };
    let site = place.serve(Router::new().route("/", any(handler))).await?;
    // With a body that the handler does not read, and without a body.
    for request in [
        "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: 4\r\n\r\nabcd",
    ] {
        let mut client = site.connect().await?;
        client.write_all(request.as_bytes()).await?;
        let departure = watch.entered().await;
        drop(client);
        departure.seen().await;
    }
    Ok(())
}

/// The response has started, and its body is waiting.
pub(crate) async fn drops_a_waiting_body(place: Place) -> Outcome {
    let (door, mut watch) = door();
    let handler = || async move {
        let presence = door.enter();
        let body = stream::once(async { Ok::<_, Infallible>("first") }).chain(stream::once(async move {
            let _presence: Presence = presence;
            pending().await
        }));
        ([("x-accel-buffering", "no")], Body::from_stream(body))
    };
    let site = place.serve(Router::new().route("/", get(handler))).await?;
    let mut response = site.open(Request::get("/").body(Body::empty())?).await?;
    let departure = watch.entered().await;
    let first = response.body_mut().frame().await.ok_or("the response has no body")??;
    assert_eq!(first.into_data().expect("data"), "first");
    drop(response);
    departure.seen().await;
    Ok(())
}

/// The response never ends; the client no longer reads it.
pub(crate) async fn drops_a_writing_body(place: Place) -> Outcome {
    let (door, mut watch) = door();
    let handler = || async move {
        let presence = door.enter();
        let chunk = bytes::Bytes::from(vec![b'x'; 16 * 1024]);
        let body = stream::repeat_with(move || {
            let _held: &Presence = &presence;
            Ok::<_, Infallible>(chunk.clone())
        });
        Body::from_stream(body)
    };
    let site = place.serve(Router::new().route("/", get(handler))).await?;
    let mut response = site.open(Request::get("/").body(Body::empty())?).await?;
    let departure = watch.entered().await;
    response.body_mut().frame().await.ok_or("the response has no body")??;
    drop(response);
    departure.seen().await;
    Ok(())
}

/// The upload is cut off: the handler sees an error or is dropped, and never sees a clean end.
pub(crate) async fn never_ends_an_aborted_upload_cleanly(place: Place) -> Outcome {
    let (door, mut watch) = door();
    let (read, mut reads) = mpsc::unbounded_channel();
    let handler = move |request: Request| async move {
        let _presence = door.enter();
        let mut body = request.into_body();
        loop {
            let what = match body.frame().await {
                Some(Ok(_)) => Read::Some,
                Some(Err(_)) => Read::Error,
                None => Read::End,
            };
            read.send(what).expect("the test still runs");
            if what != Read::Some {
                break;
            }
        }
    };
    let site = place.serve(Router::new().route("/", post(handler))).await?;
    for request in [
        "POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: 8\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n",
    ] {
        let mut client = site.connect().await?;
        client.write_all(request.as_bytes()).await?;
        let departure = watch.entered().await;
        assert_eq!(reads.recv().await, Some(Read::Some));
        drop(client);
        departure.seen().await;
        while let Ok(read) = reads.try_recv() {
            assert_ne!(read, Read::End);
        }
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    Some,
    Error,
    End,
}
