//! The basic responses of any site.

use axum::{
    Router,
    body::Body,
    extract::{OriginalUri, Request},
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, Redirect},
    routing::{get as on_get, post as on_post},
};

use crate::{http, runner::Outcome, site::Place};

pub(crate) async fn get(place: Place) -> Outcome {
    let site = place.serve(Router::new().route("/", on_get(|| async { "hello" }))).await?;
    let response = site.get("/").await?;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/plain; charset=utf-8");
    assert_eq!(response.headers()[header::CONTENT_LENGTH], "5");
    assert_eq!(response.body(), "hello");
    Ok(())
}

pub(crate) async fn get_empty(place: Place) -> Outcome {
    let site = place.serve(Router::new().route("/", on_get(|| async {}))).await?;
    let response = site.get("/").await?;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.body(), "");
    Ok(())
}

/// The response to a HEAD has the headers of the GET, and no body.
pub(crate) async fn head(place: Place) -> Outcome {
    let site = place.serve(Router::new().route("/", on_get(|| async { "hello" }))).await?;
    let response = site.send(Request::head("/").body(Body::empty())?).await?;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CONTENT_LENGTH], "5");
    assert_eq!(response.body(), "");
    Ok(())
}

/// The length of a stream is unknown before its end, so the response to a HEAD must not have one.
pub(crate) async fn head_of_a_stream(place: Place) -> Outcome {
    let stream = || async { Body::from_stream(tokio_util::io::ReaderStream::new(&b"hello"[..])) };
    let site = place.serve(Router::new().route("/", on_get(stream))).await?;
    let response = site.send(Request::head("/").body(Body::empty())?).await?;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers().get(header::CONTENT_LENGTH), None);
    assert_eq!(response.body(), "");
    Ok(())
}

pub(crate) async fn no_content(place: Place) -> Outcome {
    let site = place.serve(Router::new().route("/", on_get(|| async { StatusCode::NO_CONTENT }))).await?;
    let response = site.get("/").await?;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(response.headers().get(header::CONTENT_LENGTH), None);
    assert_eq!(response.body(), "");
    Ok(())
}

pub(crate) async fn not_modified(place: Place) -> Outcome {
    let unchanged = || async { (StatusCode::NOT_MODIFIED, [(header::ETAG, "\"v1\"")]) };
    let site = place.serve(Router::new().route("/", on_get(unchanged))).await?;
    let response = site.get("/").await?;
    assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(response.headers()[header::ETAG], "\"v1\"");
    assert_eq!(response.body(), "");
    Ok(())
}

pub(crate) async fn not_found(place: Place) -> Outcome {
    let site =
        place.serve(Router::new().fallback(|| async { (StatusCode::NOT_FOUND, "no such page") })).await?;
    let response = site.get("/nowhere").await?;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(response.body(), "no such page");
    Ok(())
}

/// A Location is passed on unchanged, relative or absolute: nginx must not follow it itself.
pub(crate) async fn redirects(place: Place) -> Outcome {
    let router = Router::new()
        .route("/seen", on_post(|| async { Redirect::to("/other?q=1") }))
        .route("/moved", on_get(|| async { Redirect::permanent("https://example.com/") }))
        .route("/kept", on_post(|| async { Redirect::temporary("other") }));
    let site = place.serve(router).await?;

    let response = site.post("/seen", "form").await?;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()[header::LOCATION], "/other?q=1");

    let response = site.get("/moved").await?;
    assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
    assert_eq!(response.headers()[header::LOCATION], "https://example.com/");

    let response = site.post("/kept", "form").await?;
    assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(response.headers()[header::LOCATION], "other");
    Ok(())
}

/// Several Set-Cookie headers arrive separately and in order.
pub(crate) async fn cookies(place: Place) -> Outcome {
    let handler = |headers: HeaderMap| async move {
        let sent = headers[header::COOKIE].clone();
        let set =
            [(header::SET_COOKIE, "c=3"), (header::SET_COOKIE, "a=1; Path=/"), (header::SET_COOKIE, "b=2")];
        (AppendHeaders(set), [("x-sent", sent)])
    };
    let site = place.serve(Router::new().route("/", on_get(handler))).await?;
    let request = Request::get("/").header(header::COOKIE, "one=1; two=\"2\"").body(Body::empty())?;
    let response = site.send(request).await?;
    assert_eq!(response.headers()["x-sent"], "one=1; two=\"2\"");
    assert_eq!(http::values(&response, "set-cookie"), ["c=3", "a=1; Path=/", "b=2"]);
    Ok(())
}

/// The target arrives as the client spelled it: nothing is decoded or merged on the way. nginx resolves dot
/// segments.
pub(crate) async fn query_and_percent_encoding(place: Place) -> Outcome {
    let handler = |OriginalUri(uri): OriginalUri| async move { uri.to_string() };
    let site = place.serve(Router::new().fallback(handler)).await?;
    let targets = [
        "/?",
        "/?a=1&b=%26&c=a+b&&d",
        "/a%2Fb/%C3%A9%20x",
        "/a//b/.c/..d?x=/../",
        "/%7Euser/~user;v=1?q=%00%ff",
        "/plus+plus/at@colon:?a[]=1&q='{}",
    ];
    for target in targets {
        assert_eq!(site.get(target).await?.body(), target);
    }
    assert_eq!(site.get("/a//b/./c/../d?x=/../").await?.body(), "/a/b/d?x=/../");
    Ok(())
}
