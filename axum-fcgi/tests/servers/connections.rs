//! Many requests at a time, and applications that are started anew.

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

/// Each gets its own answer.
pub(crate) async fn forty_at_once(site: Site) -> Outcome {
    let site = Arc::new(site);
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let site = Arc::clone(&site);
        clients.spawn(async move {
            let body = format!("{client} ").repeat(client * 200);
            let answer = site.post("/echo", body.clone()).await?;
            assert_eq!(answer.status(), StatusCode::OK, "{:?}", answer.body());
            assert!(answer.body() == &body, "client {client} has the answer of another");
            Ok::<_, Failed>(())
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    Ok(Seen::Usual)
}

/// More requests are under way than there are connections to the application.
pub(crate) async fn several_on_a_connection(site: Site) -> Outcome {
    // A connection is for several once it has been used again.
    for _ in 0..3 {
        assert_eq!(site.get("/well").await?.body(), "well");
    }
    let mut answers = Vec::new();
    let mut calls = Vec::new();
    for _ in 0..CLIENTS {
        answers.push(site.open(Request::get("/events").body(Body::empty())?).await?);
        calls.push(site.switchboard.called().await?);
    }
    let connections = site.connections()?;
    assert!(connections * 3 < CLIENTS * 2, "{connections} connections for {CLIENTS} requests");
    for mut call in calls {
        for _ in 1..EVENTS {
            call.say().await;
        }
    }
    for answer in answers {
        let text = answer.into_body().collect().await?.to_bytes();
        assert_eq!(text, "data: 0\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\n");
    }
    Ok(Seen::Usual)
}

/// A connection that was kept, and that the application has closed, is not in the next request's way.
pub(crate) async fn application_restarts(mut site: Site) -> Outcome {
    for _ in 0..3 {
        assert_eq!(site.get("/well").await?.body(), "well");
        if let Some(application) = site.application.take() {
            site.application = Some(application.restart().await?);
            // A POST, which nobody sends twice.
            assert_eq!(site.post("/echo", "abcd").await?.body(), "abcd");
        } else {
            let id = std::str::from_utf8(site.get("/pid").await?.body())?.parse()?;
            terminate(Pid::from_raw(id).ok_or("no id")?).await?;
            let start = Instant::now();
            // The web server starts it again when it has seen that it is gone.
            while site.get("/pid").await.is_ok_and(|answer| answer.status() != StatusCode::OK) {
                assert!(start.elapsed() < Duration::from_secs(30), "it is not started again");
            }
        }
    }
    Ok(Seen::Usual)
}

/// Ends a process that another has started, and waits until it has ended.
async fn terminate(id: Pid) -> Result<(), Failed> {
    let process = pidfd_open(id, PidfdFlags::empty())?;
    pidfd_send_signal(&process, Signal::TERM)?;
    let wait = move || poll(&mut [PollFd::new(&process, PollFlags::IN)], None);
    tokio::task::spawn_blocking(wait).await??;
    Ok(())
}
