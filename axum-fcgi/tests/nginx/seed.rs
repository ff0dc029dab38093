//! The bug that started this project: an early response, after which nginx waits for a close that never
//! comes.

use axum::{Router, body::Body, extract::Request, http::StatusCode};

use crate::{
    forgetful,
    runner::Outcome,
    site::{Place, Site},
};

/// nginx's log message when `fastcgi_read_timeout` has expired.
const STALLED: &str = "upstream timed out";

/// Sends the request that took 10 seconds 200 times, and none stalls.
///
/// The timeout is generous, so that a slow machine is not taken for a stall; a real stall would outlast any
/// timeout.
pub(crate) async fn early_404_does_not_stall_nginx(place: Place) -> Outcome {
    let site = place
        .with("fastcgi_read_timeout 20s;")
        .serve(Router::new().fallback(|| async { (StatusCode::NOT_FOUND, "no\n") }))
        .await?;
    for _ in 0..200 {
        ask(&site).await?;
        assert!(!site.error_log()?.contains(STALLED), "nginx waited for the application's close");
    }
    Ok(())
}

/// The test above can fail: behind a driver that forgets its requests, nginx stalls.
pub(crate) async fn forgetful_driver_does_stall_nginx(place: Place) -> Outcome {
    let application = forgetful::serve().await?;
    let site = place.with("fastcgi_read_timeout 1s;").in_front_of(application)?;
    // The client's result differs; only the stall counts.
    _ = ask(&site).await;
    assert!(site.error_log()?.contains(STALLED), "nginx did not wait for the application's close");
    Ok(())
}

async fn ask(site: &Site) -> Outcome {
    let response = site.send(Request::get("/foo").body(Body::from("abcd"))?).await?;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(response.body(), "no\n");
    Ok(())
}
