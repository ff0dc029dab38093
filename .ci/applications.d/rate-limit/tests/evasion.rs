//! A client that forges another address with each request, to evade a rate limiter.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::get;
use axum_fcgi::ForwardedHeaders;
use behind_nginx::Oneshot as _;
use tower_governor::GovernorLayer;
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::SmartIpKeyExtractor;

const HEADERS: [&str; 3] = ["x-forwarded-for", "x-real-ip", "forwarded"];

/// A request a minute for each client.
fn limited() -> Router {
    let config = GovernorConfigBuilder::default()
        .per_second(60)
        .burst_size(1)
        .key_extractor(SmartIpKeyExtractor)
        .finish()
        .unwrap();
    Router::new().route("/", get(async || "Hello, World!")).layer(GovernorLayer::new(Arc::new(config)))
}

/// How many of five requests get a response.
async fn passed(router: &Router, header: &str) -> usize {
    let mut passed = 0;
    for client in 1..=5 {
        let addr = format!("192.0.2.{client}");
        let value = if header == "forwarded" { format!("for={addr}") } else { addr };
        let request = Request::get("/").header(header, value).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert!(matches!(response.status(), StatusCode::OK | StatusCode::TOO_MANY_REQUESTS), "{response:?}");
        passed += usize::from(response.status() == StatusCode::OK);
    }
    passed
}

#[tokio::test]
async fn forged_addresses_evade_a_rate_limit_without_the_layer() {
    for header in HEADERS {
        assert_eq!(passed(&limited(), header).await, 5, "{header}");
    }
}

#[tokio::test]
async fn forged_addresses_do_not_evade_a_rate_limit() {
    for header in HEADERS {
        assert_eq!(passed(&limited().layer(ForwardedHeaders::new()), header).await, 1, "{header}");
    }
}
