//! Request headers as meta-variables, and large response headers.

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    routing::get,
};

use crate::{http, runner::Outcome, site::Place};

/// A handler that responds with the values of a header.
async fn joined_values(headers: HeaderMap) -> String {
    let values = headers.get_all("x-asked").iter();
    values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect::<Vec<_>>().join("|")
}

pub(crate) async fn repeated_request_headers_all_arrive(place: Place) -> Outcome {
    let expected = if place.nginx.joins_headers() { "1, 2, 1" } else { "1|2|1" };
    let site = place.serve(Router::new().route("/", get(joined_values))).await?;
    let request = Request::get("/").header("x-asked", "1").header("x-asked", "2").header("x-asked", "1");
    assert_eq!(site.send(request.body(Body::empty())?).await?.body(), expected);
    Ok(())
}

/// Bytes above ASCII are legal in a header, and have no defined encoding.
pub(crate) async fn bytes_above_ascii_stay_as_they_are(place: Place) -> Outcome {
    let echo = |headers: HeaderMap| async move { [("x-answered", headers["x-asked"].clone())] };
    let site = place.serve(Router::new().route("/", get(echo))).await?;
    let value = HeaderValue::from_bytes(b"caf\xe9 \xc3\xa9 \xff")?;
    let request = Request::get("/").header("x-asked", value.clone()).body(Body::empty())?;
    assert_eq!(site.send(request).await?.headers()["x-answered"], value);
    Ok(())
}

/// nginx passes a client's `Proxy` header on as the variable `HTTP_PROXY`, which programs read from the
/// environment (httpoxy).
pub(crate) async fn http_proxy_never_becomes_a_header(place: Place) -> Outcome {
    let handler = |headers: HeaderMap| async move { format!("{:?}", headers.get("proxy")) };
    let site = place.serve(Router::new().route("/", get(handler))).await?;
    let request = Request::get("/").header("Proxy", "http://203.0.113.1/").body(Body::empty())?;
    assert_eq!(site.send(request).await?.body(), "None");
    Ok(())
}

/// nginx sends Content-Length and Content-Type twice: as meta-variables and as `HTTP_*`.
pub(crate) async fn content_headers_come_once(place: Place) -> Outcome {
    let handler = |headers: HeaderMap, _body: String| async move {
        let count = |name: &str| headers.get_all(name).iter().count();
        format!("{} {}", count("content-length"), count("content-type"))
    };
    let site = place.serve(Router::new().route("/", get(handler).post(handler))).await?;
    assert_eq!(site.post("/", "body").await?.body(), "1 1");
    assert_eq!(site.get("/").await?.body(), "0 0");
    Ok(())
}

/// 48 KiB of response headers, in one STDOUT record or several, with nginx's buffers large enough.
pub(crate) async fn large_response_headers(place: Place) -> Outcome {
    let handler = || async {
        let mut headers = HeaderMap::new();
        for n in 0_u8..48 {
            let name = HeaderName::from_bytes(format!("x-large-{n}").as_bytes()).expect("a header name");
            headers.insert(name, HeaderValue::from_bytes(&[b'a' + n % 26; 1024]).expect("a header value"));
        }
        (headers, "body")
    };
    // nginx rejects a configuration with only the first of these.
    let site = place
        .with("fastcgi_buffer_size 64k; fastcgi_buffers 8 64k; fastcgi_busy_buffers_size 128k;")
        .serve(Router::new().route("/", get(handler)))
        .await?;
    let response = site.get("/").await?;
    assert_eq!(response.status(), StatusCode::OK);
    for n in 0_u8..48 {
        let expected = String::from(char::from(b'a' + n % 26)).repeat(1024);
        assert_eq!(http::values(&response, &format!("x-large-{n}")), [expected]);
    }
    assert_eq!(response.body(), "body");
    Ok(())
}
