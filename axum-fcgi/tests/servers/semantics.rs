//! Lengths and header values, as HTTP defines them.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, StatusCode, header};

use crate::runner::Outcome;
use crate::setup::Seen;
use crate::site::Site;

/// Spaces and tabs around a value are not part of it (RFC 9110 §5.5), in either direction.
pub(crate) async fn values_without_whitespace(site: Site) -> Outcome {
    for value in ["\tsome words\t", "  some words \t "] {
        let request = Request::get("/headers/x-spaced").header("x-spaced", value);
        assert_eq!(site.send(request.body(Body::empty())?).await?.body(), "some words", "{value:?}");
    }
    let request = Request::post("/json").header(header::CONTENT_TYPE, "application/json\t");
    let response = site.send(request.body(Body::from("\"text\""))?).await?;
    assert_eq!((response.status(), &response.body()[..]), (StatusCode::OK, &b"text"[..]));
    let response = site.get("/spaced").await?;
    assert_eq!(response.headers()["x-spaced"], "some words");
    Ok(Seen::Usual)
}

/// Of two Content-Types the first counts, as in `HeaderMap::get`. Apache joins them, over HTTP too, and lighttpd rejects
/// the request.
pub(crate) async fn first_content_type(site: Site) -> Outcome {
    let request = Request::post("/headers/content-type");
    let request = request.header(header::CONTENT_TYPE, "text/a").header(header::CONTENT_TYPE, "text/b");
    let response = site.send(request.body(Body::from("text"))?).await?;
    if response.status() != StatusCode::BAD_REQUEST {
        assert!(
            ["text/a", "text/a, text/b"].contains(&std::str::from_utf8(response.body())?),
            "{response:?}"
        );
    }
    Ok(Seen::Usual)
}

/// The service knows the length of its body, and no Router has made a header of it.
pub(crate) async fn head_of_a_sized_service(site: Site) -> Outcome {
    let response = site.send(Request::head("/sized").body(Body::empty())?).await?;
    assert_eq!((response.status(), response.body().len()), (StatusCode::OK, 0));
    assert_eq!(response.headers()[header::CONTENT_LENGTH], "5");
    assert_eq!(site.get("/sized").await?.body(), "five!");
    Ok(Seen::Usual)
}

/// Whether the record that ends STDIN comes with the head or after it.
pub(crate) async fn no_body_has_size_0(site: Site) -> Outcome {
    for method in [Method::GET, Method::DELETE] {
        let request = Request::builder().method(method.clone()).uri("/size");
        assert_eq!(site.send(request.body(Body::empty())?).await?.body(), "Some(0) true", "{method}");
    }
    Ok(Seen::Usual)
}

/// The excess is not sent, and what was declared is complete.
pub(crate) async fn long_body_is_cut_to_its_length(site: Site) -> Outcome {
    for target in ["/long/abcdefgh", "/long/ab-cdefgh", "/long/abcd-efgh"] {
        let response = site.get(target).await?;
        assert_eq!((response.status(), &response.body()[..]), (StatusCode::OK, &b"abcd"[..]), "{target}");
    }
    Ok(Seen::Usual)
}
