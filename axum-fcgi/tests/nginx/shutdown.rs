//! Graceful shutdown.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Router, body::Body, extract::Request, http::StatusCode, routing::get};
use tokio::{
    sync::{Semaphore, mpsc},
    task::{self, JoinSet},
};

use crate::{data, http, runner::Outcome, site::Place};

/// No new request is accepted, and those in flight get their responses, however late; then `serve` returns.
pub(crate) async fn lets_requests_in_flight_end(place: Place) -> Outcome {
    const CLIENTS: usize = 20;
    const RESPONSE: usize = 300_000;
    let (entered, mut entries) = mpsc::channel(CLIENTS);
    let gate = Arc::new(Semaphore::new(0));
    let handler = {
        let gate = Arc::clone(&gate);
        || async move {
            entered.send(()).await.expect("the test receives");
            gate.acquire().await.expect("the semaphore is never closed").forget();
            data::body(RESPONSE)
        }
    };
    let mut site = place.serve(Router::new().route("/", get(handler))).await?;
    let nginx = site.nginx();
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(async move {
            let response = http::open(nginx, Request::get("/").body(Body::empty())?).await?;
            Ok::<_, libtest_mimic::Failed>(data::digest(response.into_body()).await?)
        });
    }
    for _ in 0..CLIENTS {
        entries.recv().await.expect("the handlers still run");
    }

    site.stop();
    while site.application_listens().await {
        task::yield_now().await;
    }
    assert_eq!(site.get("/").await?.status(), StatusCode::BAD_GATEWAY);
    assert!(!site.has_stopped(), "`serve` returned with requests in flight");

    gate.add_permits(CLIENTS);
    let expected = data::expected(RESPONSE).await;
    while let Some(digest) = clients.join_next().await {
        assert_eq!(digest??, expected);
    }
    site.stopped().await
}

/// Clients send requests all the while: the complete responses must be as many as the requests accepted.
pub(crate) async fn under_load_loses_no_response(place: Place) -> Outcome {
    const CLIENTS: usize = 16;
    const BEFORE_THE_STOP: usize = 200;
    const RESPONSE: usize = 20_000;
    let entered = Arc::new(AtomicUsize::new(0));
    let handler = {
        let entered = Arc::clone(&entered);
        || async move {
            entered.fetch_add(1, Ordering::Relaxed);
            // Runs for a while, so that the stop finds requests in flight.
            for _ in 0..10 {
                task::yield_now().await;
            }
            data::body(RESPONSE)
        }
    };
    let mut site = place.serve(Router::new().route("/", get(handler))).await?;
    let expected = data::expected(RESPONSE).await;
    let nginx = site.nginx();
    let answered = Arc::new(AtomicUsize::new(0));
    let (progress, mut steps) = mpsc::unbounded_channel();
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let answered = Arc::clone(&answered);
        let progress = progress.clone();
        clients.spawn(async move {
            loop {
                let response = http::open(nginx, Request::get("/").body(Body::empty())?).await?;
                if response.status() == StatusCode::BAD_GATEWAY {
                    // nginx can no longer reach the application.
                    return Outcome::Ok(());
                }
                assert_eq!(response.status(), StatusCode::OK);
                assert_eq!(data::digest(response.into_body()).await?, expected);
                answered.fetch_add(1, Ordering::Relaxed);
                _ = progress.send(());
            }
        });
    }
    for _ in 0..BEFORE_THE_STOP {
        steps.recv().await.expect("the clients still run");
    }
    site.stop();
    site.stopped().await?;
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    assert_eq!(answered.load(Ordering::Relaxed), entered.load(Ordering::Relaxed));
    Ok(())
}

/// Idle connections that nginx keeps do not delay the shutdown.
pub(crate) async fn is_not_delayed_by_idle_connections(place: Place) -> Outcome {
    let mut site = place.serve(Router::new().route("/", get(|| async { "hello" }))).await?;
    assert_eq!(site.get("/").await?.body(), "hello");
    site.stop();
    site.stopped().await
}
