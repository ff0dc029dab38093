//! The number of connections that nginx opens to the application.

use axum::{
    Router,
    http::StatusCode,
    routing::{get, post},
};

use crate::{runner::Outcome, site::Place};

/// One connection for all requests if nginx keeps it, also after responses that did not wait for the
/// request's body; otherwise one per request.
pub(crate) async fn are_kept_when_nginx_asks_for_it(place: Place) -> Outcome {
    const ROUNDS: usize = 5;
    let keep_conn = place.variant.keep_conn;
    let router = Router::new()
        .route("/", get(|| async { "hello" }).post(|body: String| async { body }))
        .route("/early", post(|| async { StatusCode::FORBIDDEN }));
    let (site, accepted) = place.serve_counting(router).await?;
    for _ in 0..ROUNDS {
        assert_eq!(site.get("/").await?.body(), "hello");
        assert_eq!(site.post("/early", "abcd").await?.status(), StatusCode::FORBIDDEN);
        assert_eq!(site.post("/", "read").await?.body(), "read");
    }
    assert_eq!(accepted.count(), if keep_conn { 1 } else { 3 * ROUNDS });
    Ok(())
}
