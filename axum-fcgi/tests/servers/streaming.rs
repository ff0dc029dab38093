//! Streamed responses, and clients that disconnect.

use axum::body::Body;
use axum::extract::Request;
use http_body_util::BodyExt as _;
use libtest_mimic::Failed;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use crate::application::EVENTS;
use crate::runner::Outcome;
use crate::setup::Seen;
use crate::site::Site;

/// Each event reaches the client before the application makes the next one: the handler waits for the test.
pub(crate) async fn events_arrive_one_by_one(site: Site) -> Outcome {
    let called = site.switchboard.called();
    let exchange = async {
        let mut body = site.open(Request::get("/events").body(Body::empty())?).await?.into_body();
        let mut call = called.await?;
        for n in 0..EVENTS {
            let expected = format!("data: {n}\n\n");
            let mut received = Vec::new();
            while received.len() < expected.len() {
                let frame = body.frame().await.ok_or("the response has ended early")??;
                received.extend(frame.into_data().map_err(|_| "trailers")?);
            }
            assert_eq!(String::from_utf8_lossy(&received), expected);
            call.say().await;
        }
        assert!(body.frame().await.is_none(), "nothing comes after the last event");
        Ok::<_, Failed>(())
    };
    match timeout(site.patience, exchange).await {
        Ok(ended) => ended.map(|()| Seen::Usual),
        Err(_) => Ok(Seen::instead("buffered")),
    }
}

/// A handler that has not responded yet is dropped when its client disconnects.
pub(crate) async fn hang_up_while_waiting(site: Site) -> Outcome {
    hang_up(site, "/silent").await
}

/// A body is dropped when its client disconnects.
pub(crate) async fn hang_up_while_responding(site: Site) -> Outcome {
    hang_up(site, "/endless").await
}

async fn hang_up(site: Site, target: &str) -> Outcome {
    let mut client = site.connect().await?;
    let line = site.line();
    let request = format!("GET {target} HTTP/1.1\r\nHost: example.org\r\nX-Line: {line}\r\n\r\n");
    client.write_all(request.as_bytes()).await?;
    let mut call = site.switchboard.called().await?;
    drop(client);
    match timeout(site.patience, call.end()).await {
        Ok(()) => Ok(Seen::Usual),
        Err(_) => Ok(Seen::instead("not reported")),
    }
}
