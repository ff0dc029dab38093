//! What an application gets from nginx's `proxy_pass`, and must get over FastCGI as well.

use std::net::Ipv4Addr;

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{StatusCode, Version},
    response::{IntoResponse, Response},
    routing::get,
};
use axum_fcgi::ClientProtocol;
use hyper::ext::ReasonPhrase;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{clients, runner::Outcome, site::Place};

/// As axum's example `reverse-proxy`: a client that does not speak HTTP/2 fails with `UserUnsupportedVersion`.
pub(crate) async fn http2_requests_can_be_forwarded(place: Place) -> Outcome {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let backend = listener.local_addr()?;
    let version = |version: Version| async move { format!("{version:?}") };
    tokio::spawn(axum::serve(listener, Router::new().fallback(version)).into_future());

    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let forward = move |ClientProtocol(protocol): ClientProtocol, mut request: Request| async move {
        *request.uri_mut() = format!("http://{backend}/").parse().expect("a URI");
        match client.request(request).await {
            Ok(response) => ([("x-client", format!("{protocol:?}"))], response).into_response(),
            Err(_) => StatusCode::BAD_REQUEST.into_response(),
        }
    };
    let site = place.with_http2().serve(Router::new().fallback(forward)).await?;
    let request = Request::get("http://example.org/").body(Body::empty())?;
    let response = clients::send_http2(site.nginx(), request).await?;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.body(), "HTTP/1.1");
    assert_eq!(response.headers()["x-client"], "HTTP/2.0");
    Ok(())
}

pub(crate) async fn reason_phrases_reach_the_client(place: Place) -> Outcome {
    let handler = || async {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_FOUND;
        response.extensions_mut().insert(ReasonPhrase::from_static(b"Gone fishing"));
        response
    };
    let site = place.serve(Router::new().route("/", get(handler))).await?;
    let mut client = site.connect().await?;
    client.write_all(b"GET / HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n").await?;
    let mut response = String::new();
    client.read_to_string(&mut response).await?;
    assert!(response.starts_with("HTTP/1.1 404 Gone fishing\r\n"), "{response}");
    Ok(())
}
