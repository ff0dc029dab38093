//! A graceful stop.

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

/// No new request gets in, and those that were in get their answers, however late; then `serve` returns.
pub(crate) async fn lets_requests_in_flight_end(place: Place) -> Outcome {
    const CLIENTS: usize = 20;
    const ANSWER: usize = 300_000;
    let (entered, mut entries) = mpsc::channel(CLIENTS);
    let gate = Arc::new(Semaphore::new(0));
    let handler = {
        let gate = Arc::clone(&gate);
        || async move {
            entered.send(()).await.expect("the test counts");
            gate.acquire().await.expect("it is never closed").forget();
            data::body(ANSWER)
        }
    };
    let mut site = place.serve(Router::new().route("/", get(handler))).await?;
    let nginx = site.nginx();
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(async move {
            let answer = http::open(nginx, Request::get("/").body(Body::empty())?).await?;
            Ok::<_, libtest_mimic::Failed>(data::digest(answer.into_body()).await?)
        });
    }
    for _ in 0..CLIENTS {
        entries.recv().await.expect("a handler is entered");
    }

    site.stop();
    while site.application_listens().await {
        task::yield_now().await;
    }
    assert_eq!(site.get("/").await?.status(), StatusCode::BAD_GATEWAY);
    assert!(!site.has_stopped(), "there are requests in flight");

    gate.add_permits(CLIENTS);
    let expected = data::expected(ANSWER).await;
    while let Some(digest) = clients.join_next().await {
        assert_eq!(digest??, expected);
    }
    site.stopped().await
}

/// Clients that go on asking all the while: as many answers have come whole as requests were let in.
pub(crate) async fn under_load_loses_no_answer(place: Place) -> Outcome {
    const CLIENTS: usize = 16;
    const BEFORE_THE_STOP: usize = 200;
    const ANSWER: usize = 20_000;
    let entered = Arc::new(AtomicUsize::new(0));
    let handler = {
        let entered = Arc::clone(&entered);
        || async move {
            entered.fetch_add(1, Ordering::Relaxed);
            // Stays for a while, so that the stop finds some of them inside.
            for _ in 0..10 {
                task::yield_now().await;
            }
            data::body(ANSWER)
        }
    };
    let mut site = place.serve(Router::new().route("/", get(handler))).await?;
    let expected = data::expected(ANSWER).await;
    let nginx = site.nginx();
    let answered = Arc::new(AtomicUsize::new(0));
    let (progress, mut steps) = mpsc::unbounded_channel();
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let answered = Arc::clone(&answered);
        let progress = progress.clone();
        clients.spawn(async move {
            loop {
                let answer = http::open(nginx, Request::get("/").body(Body::empty())?).await?;
                if answer.status() == StatusCode::BAD_GATEWAY {
                    // nginx finds the application gone.
                    return Outcome::Ok(());
                }
                assert_eq!(answer.status(), StatusCode::OK);
                assert_eq!(data::digest(answer.into_body()).await?, expected);
                answered.fetch_add(1, Ordering::Relaxed);
                _ = progress.send(());
            }
        });
    }
    for _ in 0..BEFORE_THE_STOP {
        steps.recv().await.expect("the clients go on");
    }
    site.stop();
    site.stopped().await?;
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    assert_eq!(answered.load(Ordering::Relaxed), entered.load(Ordering::Relaxed));
    Ok(())
}

/// Connections that nginx keeps, with nothing going on in them, hold nothing up.
pub(crate) async fn is_not_held_up_by_idle_connections(place: Place) -> Outcome {
    let mut site = place.serve(Router::new().route("/", get(|| async { "hello" }))).await?;
    assert_eq!(site.get("/").await?.body(), "hello");
    site.stop();
    site.stopped().await
}
