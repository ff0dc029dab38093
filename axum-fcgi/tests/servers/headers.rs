//! Repeated headers, and large ones.

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;

use crate::application::LARGE_HEADER;
use crate::http;
use crate::runner::Outcome;
use crate::setup::Seen;
use crate::site::Site;

pub(crate) async fn repeated_request_headers(site: Site) -> Outcome {
    let request = Request::get("/headers/x-twice").header("x-twice", "1").header("x-twice", "2");
    assert_eq!(site.send(request.body(Body::empty())?).await?.body(), "1, 2");
    Ok(Seen::Usual)
}

pub(crate) async fn cookies_in_order(site: Site) -> Outcome {
    let response = site.get("/cookies").await?;
    assert_eq!(http::values(&response, "set-cookie"), ["a=1", "b=2", "c=3"]);
    Ok(Seen::Usual)
}

pub(crate) async fn large_request_header(site: Site) -> Outcome {
    let value = "x".repeat(LARGE_HEADER);
    let request = Request::get("/headers/x-large").header("x-large", &value);
    let response = match site.send(request.body(Body::empty())?).await {
        Ok(response) if response.status() == StatusCode::OK => response,
        Ok(response) => return Ok(Seen::instead(response.status().as_str())),
        // The web server may not even read all of it.
        Err(_) => return Ok(Seen::instead("no response")),
    };
    if response.body().is_empty() {
        return Ok(Seen::instead("left out"));
    }
    assert!(response.body() == &value);
    Ok(Seen::Usual)
}

pub(crate) async fn large_response_header(site: Site) -> Outcome {
    let response = site.get("/large-header").await?;
    if response.status() != StatusCode::OK {
        return Ok(Seen::instead(response.status().as_str()));
    }
    assert_eq!(response.headers()["x-large"].len(), LARGE_HEADER);
    Ok(Seen::Usual)
}
