//! Many clients at a time.

use std::sync::Arc;

use axum::{Router, body::Bytes, extract::Path, routing::post};
use tokio::{sync::Barrier, task::JoinSet};

use crate::{runner::Outcome, site::Place};

const CLIENTS: usize = 200;

/// Every client gets what it sent, with all of them inside the application at once: no handler continues
/// before the last one has started.
pub(crate) async fn two_hundred_clients_at_once(place: Place) -> Outcome {
    let barrier = Arc::new(Barrier::new(CLIENTS));
    let handler = move |Path(client): Path<usize>, body: Bytes| async move {
        barrier.wait().await;
        [format!("{client}:").into_bytes(), body.to_vec()].concat()
    };
    let site = Arc::new(place.serve(Router::new().route("/{client}", post(handler))).await?);
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let site = Arc::clone(&site);
        clients.spawn(async move {
            // Lengths below and above one record of nginx, which is 8 KiB or 32 KiB.
            let body = format!("{client} ").repeat(client * 50);
            let response = site.post(&format!("/{client}"), body.clone()).await?;
            assert_eq!(response.status(), 200);
            assert!(
                response.body() == &format!("{client}:{body}"),
                "client {client} got another client's response"
            );
            Outcome::Ok(())
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    Ok(())
}
