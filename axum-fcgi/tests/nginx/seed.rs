//! The bug that this project began with: an early answer, after which nginx waits for a close that never
//! comes.

use axum::{Router, body::Body, extract::Request, http::StatusCode};

use crate::{
    forgetful,
    runner::Outcome,
    site::{Place, Site},
};

/// What nginx writes when it has waited for `fastcgi_read_timeout` in vain.
const STALLED: &str = "upstream timed out";

/// 200 times the request that took 10 seconds, and no stall among them.
///
/// The time-out is generous, so that a slow machine is not taken for a stall; a real one would outlast any.
pub(crate) async fn early_404_does_not_stall_nginx(place: Place) -> Outcome {
    let site = place
        .with("fastcgi_read_timeout 20s;")
        .serve(Router::new().fallback(|| async { (StatusCode::NOT_FOUND, "no\n") }))
        .await?;
    for _ in 0..200 {
        ask(&site).await?;
        assert!(!site.error_log()?.contains(STALLED), "nginx has waited for the application's close");
    }
    Ok(())
}

/// The test above can fail: behind a driver that forgets its requests, nginx stalls.
pub(crate) async fn forgetful_driver_does_stall_nginx(place: Place) -> Outcome {
    let application = forgetful::serve().await?;
    let site = place.with("fastcgi_read_timeout 1s;").in_front_of(application)?;
    // What the client makes of it differs; the stall is what counts.
    _ = ask(&site).await;
    assert!(site.error_log()?.contains(STALLED), "nginx did not wait for the application's close");
    Ok(())
}

async fn ask(site: &Site) -> Outcome {
    let answer = site.send(Request::get("/foo").body(Body::from("abcd"))?).await?;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert_eq!(answer.body(), "no\n");
    Ok(())
}
