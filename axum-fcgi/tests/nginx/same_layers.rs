//! tower-http's layers: the same over HTTP and behind nginx.

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header},
    routing::{get, post},
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    cors::CorsLayer,
    decompression::RequestDecompressionLayer,
    limit::RequestBodyLimitLayer,
    request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    sensitive_headers::{SetSensitiveRequestHeadersLayer, SetSensitiveResponseHeadersLayer},
    timeout::TimeoutLayer,
    trace::TraceLayer,
};

use crate::{
    runner::{ON_PURPOSE, Outcome},
    same_as_http::Twins,
    site::Place,
};

/// The layer sees the same request and response on both.
pub(crate) async fn trace(place: Place) -> Outcome {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let layer = || {
        let (requests, responses) = (Arc::clone(&lines), Arc::clone(&lines));
        TraceLayer::new_for_http()
            .on_request(move |request: &Request, _: &_| {
                let line = format!("{} {} {:?}", request.method(), request.uri(), request.version());
                requests.lock().expect("not poisoned").push(line);
            })
            .on_response(move |response: &Response<_>, _: Duration, _: &_| {
                responses.lock().expect("not poisoned").push(response.status().to_string());
            })
    };
    let router = || Router::new().route("/traced", get(|| async { "traced" })).layer(layer());
    let twins = Twins::serve(place, router).await?;
    assert_eq!(twins.get("/traced?q=1").await?.body(), "traced");
    let expected = ["GET /traced?q=1 HTTP/1.1", "200 OK"];
    assert_eq!(*lines.lock().expect("not poisoned"), [expected, expected].concat());
    Ok(())
}

pub(crate) async fn compression(place: Place) -> Outcome {
    let router = || {
        let text = || async { "All work and no play. ".repeat(100) };
        Router::new().route("/", get(text)).layer(CompressionLayer::new())
    };
    let twins = Twins::serve(place, router).await?;
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let request = Request::get("/").header(header::ACCEPT_ENCODING, coding).body("")?;
        let response = twins.ask(request).await?;
        assert_eq!(response.headers()[header::CONTENT_ENCODING], coding);
        assert!(response.body().len() < 500, "{} bytes are not compressed", response.body().len());
    }
    assert_eq!(twins.get("/").await?.body().len(), 2200);
    Ok(())
}

pub(crate) async fn decompression(place: Place) -> Outcome {
    let router = || {
        let echo = |headers: HeaderMap, body: String| async move {
            format!("{body} {:?}", headers.get(header::CONTENT_ENCODING))
        };
        Router::new().route("/", post(echo)).layer(RequestDecompressionLayer::new())
    };
    let twins = Twins::serve(place, router).await?;
    let ask =
        |coding: &str, body: Vec<u8>| Request::post("/").header(header::CONTENT_ENCODING, coding).body(body);
    assert_eq!(twins.ask(ask("gzip", gzip(b"a long story"))?).await?.body(), "a long story None");
    assert_eq!(twins.ask(ask("gzip", b"no gzip".to_vec())?).await?.status(), StatusCode::BAD_REQUEST);
    let response = twins.ask(ask("unheard-of", b"?".to_vec())?).await?;
    assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    Ok(())
}

/// The smallest gzip file: one stored block.
fn gzip(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("the content fits in one block");
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    file.extend(length.to_le_bytes());
    file.extend((!length).to_le_bytes());
    file.extend(content);
    file.extend(crc32fast::hash(content).to_le_bytes());
    file.extend(u32::from(length).to_le_bytes());
    file
}

pub(crate) async fn cors(place: Place) -> Outcome {
    let router = || {
        let layer = CorsLayer::new()
            .allow_origin("https://example.com".parse::<HeaderValue>().expect("a valid header value"))
            .allow_methods([Method::GET, Method::DELETE])
            .allow_credentials(true)
            .max_age(Duration::from_secs(60));
        Router::new().route("/", get(|| async { "page" })).layer(layer)
    };
    let twins = Twins::serve(place, router).await?;
    let preflight = Request::options("/")
        .header(header::ORIGIN, "https://example.com")
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "DELETE")
        .body("")?;
    let response = twins.ask(preflight).await?;
    assert_eq!(response.headers()[header::ACCESS_CONTROL_ALLOW_METHODS], "GET,DELETE");
    let request = Request::get("/").header(header::ORIGIN, "https://example.com").body("")?;
    let response = twins.ask(request).await?;
    assert_eq!(response.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "https://example.com");
    Ok(())
}

pub(crate) async fn timeout(place: Place) -> Outcome {
    let router = || {
        let layer = TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, Duration::from_millis(1));
        Router::new().route("/", get(pending::<()>).post(|_: Bytes| pending::<()>())).layer(layer)
    };
    let twins = Twins::serve(place, router).await?;
    assert_eq!(twins.get("/").await?.status(), StatusCode::GATEWAY_TIMEOUT);
    let response = twins.ask(Request::post("/").body("abcd")?).await?;
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    Ok(())
}

pub(crate) async fn limit(place: Place) -> Outcome {
    let router =
        || Router::new().route("/", post(|body: String| async { body })).layer(RequestBodyLimitLayer::new(4));
    let twins = Twins::serve(place, router).await?;
    assert_eq!(twins.ask(Request::post("/").body("abcd")?).await?.body(), "abcd");
    let response = twins.ask(Request::post("/").body("abcde")?).await?;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    Ok(())
}

pub(crate) async fn catch_panic(place: Place) -> Outcome {
    let router = || Router::new().route("/", get(panics)).layer(CatchPanicLayer::new());
    let twins = Twins::serve(place, router).await?;
    let response = twins.get("/").await?;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(response.body(), "Service panicked");
    Ok(())
}

async fn panics() {
    panic!("{ON_PURPOSE} for the layer");
}

pub(crate) async fn request_id(place: Place) -> Outcome {
    let router = || {
        let handler = |headers: HeaderMap| async move { [("x-seen", headers["x-request-id"].clone())] };
        Router::new()
            .route("/", get(handler))
            .layer(PropagateRequestIdLayer::x_request_id())
            .layer(SetRequestIdLayer::x_request_id(Count::default()))
    };
    let twins = Twins::serve(place, router).await?;
    for n in 0..2 {
        let response = twins.get("/").await?;
        assert_eq!(response.headers()["x-request-id"], n.to_string());
        assert_eq!(response.headers()["x-seen"], n.to_string());
    }
    let request = Request::get("/").header("x-request-id", "the client's").body("")?;
    assert_eq!(twins.ask(request).await?.headers()["x-request-id"], "the client's");
    Ok(())
}

#[derive(Clone, Default)]
struct Count(Arc<AtomicU64>);

impl MakeRequestId for Count {
    fn make_request_id<B>(&mut self, _: &axum::http::Request<B>) -> Option<RequestId> {
        Some(RequestId::new(HeaderValue::from(self.0.fetch_add(1, Ordering::Relaxed))))
    }
}

pub(crate) async fn sensitive_headers(place: Place) -> Outcome {
    let router = || {
        let handler = |headers: HeaderMap| async move {
            let marks = ["authorization", "x-open"].map(|name| headers[name].is_sensitive());
            ([("x-secret", "hidden")], format!("{marks:?}"))
        };
        Router::new()
            .route("/", get(handler))
            .layer(SetSensitiveRequestHeadersLayer::new([header::AUTHORIZATION]))
            .layer(SetSensitiveResponseHeadersLayer::new([header::HeaderName::from_static("x-secret")]))
    };
    let twins = Twins::serve(place, router).await?;
    let request =
        Request::get("/").header(header::AUTHORIZATION, "Bearer t0ken").header("x-open", "1").body("")?;
    let response = twins.ask(request).await?;
    assert_eq!(response.body(), "[true, false]");
    assert_eq!(response.headers()["x-secret"], "hidden");
    Ok(())
}
