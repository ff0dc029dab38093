//! Many concurrent requests, and applications that restart.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use http_body_util::BodyExt as _;
use libtest_mimic::Failed;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::task::JoinSet;

use crate::application::EVENTS;
use crate::runner::Outcome;
use crate::setup::Seen;
use crate::site::Site;

const CLIENTS: usize = 40;

/// Each request gets its own response.
pub(crate) async fn forty_at_once(site: Site) -> Outcome {
    let site = Arc::new(site);
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let site = Arc::clone(&site);
        clients.spawn(async move {
            let body = format!("{client} ").repeat(client * 200);
            let response = site.post("/echo", body.clone()).await?;
            assert_eq!(response.status(), StatusCode::OK, "{:?}", response.body());
            assert!(response.body() == &body, "client {client} got another client's response");
            Ok::<_, Failed>(())
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    Ok(Seen::Usual)
}

/// There are more concurrent requests than connections to the application.
pub(crate) async fn several_on_a_connection(site: Site) -> Outcome {
    // HAProxy multiplexes a connection once it has been reused.
    for _ in 0..3 {
        assert_eq!(site.get("/well").await?.body(), "well");
    }
    let mut responses = Vec::new();
    let mut calls = Vec::new();
    for _ in 0..CLIENTS {
        responses.push(site.open(Request::get("/events").body(Body::empty())?).await?);
        calls.push(site.switchboard.called().await?);
    }
    let connections = site.connections()?;
    assert!(connections * 3 < CLIENTS * 2, "{connections} connections for {CLIENTS} requests");
    for mut call in calls {
        for _ in 1..EVENTS {
            call.say().await;
        }
    }
    for response in responses {
        let text = response.into_body().collect().await?.to_bytes();
        assert_eq!(text, "data: 0\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\n");
    }
    Ok(Seen::Usual)
}

/// A kept connection that the application has closed does not break the next request.
pub(crate) async fn application_restarts(mut site: Site) -> Outcome {
    for _ in 0..3 {
        assert_eq!(site.get("/well").await?.body(), "well");
        if let Some(application) = site.application.take() {
            site.application = Some(application.restart().await?);
            // A POST: it is not retried.
            assert_eq!(site.post("/echo", "abcd").await?.body(), "abcd");
        } else {
            let id = std::str::from_utf8(site.get("/pid").await?.body())?.parse()?;
            terminate(Pid::from_raw(id).ok_or("no id")?).await?;
            let start = Instant::now();
            // The web server starts the application again when it has noticed its exit.
            while site.get("/pid").await.is_ok_and(|response| response.status() != StatusCode::OK) {
                assert!(start.elapsed() < Duration::from_secs(30), "the application is not restarted");
            }
        }
    }
    Ok(Seen::Usual)
}

/// Ends a process that another one has started, and waits for its exit.
async fn terminate(id: Pid) -> Result<(), Failed> {
    let process = pidfd_open(id, PidfdFlags::empty())?;
    pidfd_send_signal(&process, Signal::TERM)?;
    let wait = move || poll(&mut [PollFd::new(&process, PollFlags::IN)], None);
    tokio::task::spawn_blocking(wait).await??;
    Ok(())
}
