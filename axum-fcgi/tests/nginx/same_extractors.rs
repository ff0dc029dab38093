//! axum's extractors: the same over HTTP and behind nginx.

use std::{collections::BTreeMap, convert::Infallible};

use axum::{
    Extension, Form, Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, MatchedPath, Multipart, OriginalUri, Path, Query, State},
    http::{HeaderMap, Method, Request, StatusCode, Uri, Version, header},
    response::sse::{Event, Sse},
    routing::{any, get, post},
};
use axum_extra::extract::{
    CookieJar,
    cookie::{Cookie, SameSite},
};
use futures_util::stream;

use crate::{http, runner::Outcome, same_as_http::Twins, site::Place};

pub(crate) async fn routing(place: Place) -> Outcome {
    let twins = Twins::serve(place, || Router::new().route("/page", get(|| async { "page" }))).await?;
    assert_eq!(twins.get("/page").await?.body(), "page");
    assert_eq!(twins.get("/nowhere").await?.status(), StatusCode::NOT_FOUND);
    let response = twins.ask(Request::delete("/page").body("")?).await?;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.headers()[header::ALLOW], "GET,HEAD");
    assert_eq!(twins.ask(Request::head("/page").body("")?).await?.headers()[header::CONTENT_LENGTH], "4");
    Ok(())
}

pub(crate) async fn method_and_version(place: Place) -> Outcome {
    let handler = |method: Method, version: Version| async move { format!("{method} {version:?}") };
    let twins = Twins::serve(place, || Router::new().route("/", any(handler))).await?;
    for method in ["GET", "PUT", "PATCH", "OPTIONS", "PROPFIND"] {
        let response = twins.ask(Request::builder().method(method).uri("/").body("")?).await?;
        assert_eq!(response.body(), &format!("{method} HTTP/1.1"));
    }
    Ok(())
}

pub(crate) async fn status_codes(place: Place) -> Outcome {
    let handler = |Path(status): Path<u16>| async move { StatusCode::from_u16(status).expect("a status") };
    let twins = Twins::serve(place, || Router::new().route("/{status}", get(handler))).await?;
    for status in [200, 201, 202, 204, 205, 304, 400, 401, 403, 410, 418, 422, 429, 500, 501, 503, 599] {
        assert_eq!(twins.get(&format!("/{status}")).await?.status(), status);
    }
    Ok(())
}

pub(crate) async fn original_uri(place: Place) -> Outcome {
    let handler = |OriginalUri(original): OriginalUri, uri: Uri| async move { format!("{original} {uri}") };
    let router = move || Router::new().nest("/api", Router::new().route("/{*rest}", get(handler)));
    let twins = Twins::serve(place, router).await?;
    let response = twins.get("/api/a%20b//c?q=%26").await?;
    assert_eq!(response.body(), "/api/a%20b//c?q=%26 /a%20b//c?q=%26");
    Ok(())
}

pub(crate) async fn host(place: Place) -> Outcome {
    let handler = |headers: HeaderMap| async move { headers[header::HOST].clone().as_bytes().to_vec() };
    let twins = Twins::serve(place, || Router::new().route("/", get(handler))).await?;
    let response =
        twins.ask(Request::get("/").header(header::HOST, "shop.example.org:8080").body("")?).await?;
    assert_eq!(response.body(), "shop.example.org:8080");
    Ok(())
}

pub(crate) async fn matched_path(place: Place) -> Outcome {
    let handler = |matched: MatchedPath| async move { matched.as_str().to_owned() };
    let router = move || Router::new().route("/users/{id}/posts/{*rest}", get(handler));
    let twins = Twins::serve(place, router).await?;
    assert_eq!(twins.get("/users/1/posts/2/3").await?.body(), "/users/{id}/posts/{*rest}");
    Ok(())
}

pub(crate) async fn path(place: Place) -> Outcome {
    let handler = |Path((name, id)): Path<(String, u32)>| async move { format!("{name} {id}") };
    let twins = Twins::serve(place, || Router::new().route("/{name}/{id}", get(handler))).await?;
    assert_eq!(twins.get("/a%2Fb%20%C3%A9/7").await?.body(), "a/b é 7");
    assert_eq!(twins.get("/a/x").await?.status(), StatusCode::BAD_REQUEST);
    assert_eq!(twins.get("/%FF/7").await?.status(), StatusCode::BAD_REQUEST);
    Ok(())
}

/// What an extractor returned, in order.
type Pairs = Vec<(String, String)>;

pub(crate) async fn query(place: Place) -> Outcome {
    let handler = |Query(pairs): Query<Pairs>| async move { format!("{pairs:?}") };
    let twins = Twins::serve(place, || Router::new().route("/", get(handler))).await?;
    let response = twins.get("/?b=a+c&a=%26%C3%A9&b=").await?;
    assert_eq!(response.body(), r#"[("b", "a c"), ("a", "&é"), ("b", "")]"#);
    twins.get("/").await?;
    twins.get("/?").await?;
    Ok(())
}

pub(crate) async fn form(place: Place) -> Outcome {
    let handler = |Form(pairs): Form<Pairs>| async move { format!("{pairs:?}") };
    let twins = Twins::serve(place, || Router::new().route("/", any(handler))).await?;
    let ask =
        |content_type| Request::post("/").header(header::CONTENT_TYPE, content_type).body("a=1+2&b=%26");
    let response = twins.ask(ask("application/x-www-form-urlencoded")?).await?;
    assert_eq!(response.body(), r#"[("a", "1 2"), ("b", "&")]"#);
    assert_eq!(twins.ask(ask("text/plain")?).await?.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(twins.get("/?a=1").await?.body(), r#"[("a", "1")]"#);
    Ok(())
}

pub(crate) async fn json(place: Place) -> Outcome {
    type Value = BTreeMap<String, Vec<i64>>;
    let handler = |Json(mut value): Json<Value>| async move {
        value.insert("more".into(), vec![1, 2]);
        (StatusCode::CREATED, Json(value))
    };
    let twins = Twins::serve(place, || Router::new().route("/", post(handler))).await?;
    let ask = |body| Request::post("/").header(header::CONTENT_TYPE, "application/json").body(body);
    let response = twins.ask(ask(r#"{"a": [-1]}"#)?).await?;
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(response.body(), r#"{"a":[-1],"more":[1,2]}"#);
    assert_eq!(twins.ask(ask(r#"{"a":"#)?).await?.status(), StatusCode::BAD_REQUEST);
    assert_eq!(twins.ask(ask(r#"{"a": 1}"#)?).await?.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let response = twins.ask(Request::post("/").body("{}")?).await?;
    assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    Ok(())
}

pub(crate) async fn multipart(place: Place) -> Outcome {
    let handler = |mut multipart: Multipart| async move {
        let mut seen = String::new();
        while let Some(field) = multipart.next_field().await.map_err(|error| error.to_string())? {
            let names = format!("{:?} {:?} {:?} ", field.name(), field.file_name(), field.content_type());
            let data = field.bytes().await.map_err(|error| error.to_string())?;
            seen.push_str(&format!("{names}{data:?}\n"));
        }
        Ok::<_, String>(seen)
    };
    let twins = Twins::serve(place, || Router::new().route("/", post(handler))).await?;
    let body = "\
--limit\r\n\
Content-Disposition: form-data; name=\"text\"\r\n\
\r\n\
some text\r\n\
--limit\r\n\
Content-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\
Content-Type: application/octet-stream\r\n\
\r\n\
\x00\x01\r\n--limi\r\n\
--limit--\r\n";
    let request = Request::post("/").header(header::CONTENT_TYPE, "multipart/form-data; boundary=limit");
    let response = twins.ask(request.body(body)?).await?;
    let expected = r#"Some("text") None None b"some text"
Some("file") Some("a.bin") Some("application/octet-stream") b"\0\x01\r\n--limi"
"#;
    assert_eq!(response.body(), expected);
    Ok(())
}

pub(crate) async fn bytes_and_string(place: Place) -> Outcome {
    let router = || {
        Router::new()
            .route("/bytes", post(|body: Bytes| async { body }))
            .route("/string", post(|body: String| async { body }))
            .layer(DefaultBodyLimit::max(1000))
    };
    let twins = Twins::serve(place, router).await?;
    let response = twins.ask(Request::post("/bytes").body(&b"\x00\xff"[..])?).await?;
    assert_eq!(response.body(), &b"\x00\xff"[..]);
    assert_eq!(twins.ask(Request::post("/string").body("é")?).await?.body(), "é");
    assert_eq!(twins.ask(Request::post("/string").body("")?).await?.body(), "");
    let response = twins.ask(Request::post("/string").body(&b"\xff"[..])?).await?;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let response = twins.ask(Request::post("/bytes").body("x".repeat(1001))?).await?;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    Ok(())
}

pub(crate) async fn state(place: Place) -> Outcome {
    let handler = |State(state): State<&'static str>| async move { state };
    let router = || Router::new().route("/", get(handler)).with_state("the state");
    let twins = Twins::serve(place, router).await?;
    assert_eq!(twins.get("/").await?.body(), "the state");
    Ok(())
}

pub(crate) async fn extension(place: Place) -> Outcome {
    let handler = |Extension(extension): Extension<&'static str>| async move { extension };
    let router = || Router::new().route("/", get(handler)).layer(Extension("the extension"));
    let twins = Twins::serve(place, router).await?;
    assert_eq!(twins.get("/").await?.body(), "the extension");
    Ok(())
}

pub(crate) async fn sse(place: Place) -> Outcome {
    let handler = || async {
        let events =
            ["one", "two"].map(|data| Ok::<_, Infallible>(Event::default().event("count").data(data)));
        Sse::new(stream::iter(events))
    };
    let twins = Twins::serve(place, || Router::new().route("/", get(handler))).await?;
    let response = twins.get("/").await?;
    assert_eq!(response.body(), "event: count\ndata: one\n\nevent: count\ndata: two\n\n");
    Ok(())
}

pub(crate) async fn cookies(place: Place) -> Outcome {
    // One change each: a jar writes several in no particular order, even over HTTP.
    let count = |jar: CookieJar| async {
        let visits = jar.get("visits").map_or(0, |cookie| cookie.value().parse().unwrap_or(0)) + 1;
        jar.add(Cookie::new("visits", visits.to_string()))
    };
    let begin = |jar: CookieJar| async {
        jar.add(Cookie::build(("session", "a b;c")).http_only(true).same_site(SameSite::Lax))
    };
    let router = move || Router::new().route("/count", get(count)).route("/begin", get(begin));
    let twins = Twins::serve(place, router).await?;
    let request = Request::get("/count").header(header::COOKIE, "visits=41; other=1").body("")?;
    assert_eq!(http::values(&twins.ask(request).await?, "set-cookie"), ["visits=42"]);
    let set = http::values(&twins.get("/begin").await?, "set-cookie");
    assert_eq!(set, ["session=a%20b%3Bc; HttpOnly; SameSite=Lax"]);
    Ok(())
}
