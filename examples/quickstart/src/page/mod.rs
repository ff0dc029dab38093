//! The page's files. The application serves them, so they come over FastCGI, too.

use axum::Router;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{MethodRouter, get};

/// The browser may load only the page's own files and send only its own requests. Only `app.js` may run.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) fn page() -> Router {
    Router::new()
        .route("/", file("text/html; charset=utf-8", include_str!("index.html")))
        .route("/style.css", file("text/css; charset=utf-8", include_str!("style.css")))
        .route("/app.js", file("text/javascript; charset=utf-8", include_str!("app.js")))
        .route("/icon.svg", file("image/svg+xml", include_str!("icon.svg")))
        .layer(map_response(protect))
}

fn file(kind: &'static str, content: &'static str) -> MethodRouter {
    get(async move || ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], content))
}

async fn protect(mut response: Response) -> Response {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
