//! The addresses of both ends of the client's connection, as the application sees them.

use std::net::SocketAddr;

use axum::{Router, body::Body, extract::ConnectInfo, extract::Request, routing::get};
use axum_fcgi::{Params, ServerAddr};
use tokio::net::TcpStream;

use crate::{clients::Client, http, runner::Outcome, site::Form, site::Place};

pub(crate) async fn connect_info_is_the_real_client(place: Place) -> Outcome {
    let handler = |ConnectInfo(client): ConnectInfo<SocketAddr>| async move { client.to_string() };
    let site = place.serve(Router::new().route("/", get(handler))).await?;
    // Several clients: over a kept connection the second one must not get the address of the first.
    for _ in 0..3 {
        let stream = TcpStream::connect(site.nginx()).await?;
        let client = stream.local_addr()?;
        let response = http::open_on(stream, Request::get("/").body(Body::empty())?).await?;
        assert_eq!(http::collect(response).await?.body(), &client.to_string());
    }
    Ok(())
}

/// axum calls a make-service once per connection. nginx's connection carries the requests of many clients.
pub(crate) async fn make_service_gets_the_real_client(place: Place) -> Outcome {
    let keep_conn = place.variant.keep_conn;
    let handler = |ConnectInfo(client): ConnectInfo<SocketAddr>| async move { client.to_string() };
    let place = place.with_form(Form::MakeService);
    let (site, accepted) = place.serve_counting(Router::new().route("/", get(handler))).await?;
    let mut clients = [Client::connect(site.nginx()).await?, Client::connect(site.nginx()).await?];
    for _ in 0..2 {
        for client in &mut clients {
            let response = client.send(Request::get("/").body(Body::empty())?).await?;
            assert_eq!(response.body(), &client.address.to_string());
        }
    }
    assert_eq!(accepted.count(), if keep_conn { 1 } else { 4 });
    Ok(())
}

/// nginx has no address for a client on a unix socket and sends `unix:`; the request must not fail.
pub(crate) async fn connect_info_of_a_unix_client_is_unspecified(place: Place) -> Outcome {
    let handler = |ConnectInfo(client): ConnectInfo<SocketAddr>| async move {
        format!("{} {}", client.ip().is_unspecified(), client.port())
    };
    // These come after the standard ones, and the last value counts.
    let site = place
        .with("fastcgi_param REMOTE_ADDR unix:; fastcgi_param REMOTE_PORT \"\";")
        .serve(Router::new().route("/", get(handler)))
        .await?;
    assert_eq!(site.get("/").await?.body(), "true 0");
    Ok(())
}

pub(crate) async fn web_server_addr_is_where_nginx_listens(place: Place) -> Outcome {
    let handler = |ServerAddr(server): ServerAddr| async move { server.to_string() };
    let site = place.serve(Router::new().route("/", get(handler))).await?;
    assert_eq!(site.get("/").await?.body(), &site.nginx().to_string());
    Ok(())
}

/// The meta-variables as nginx sent them, including its own and those that are not headers.
pub(crate) async fn params_are_as_nginx_sent_them(place: Place) -> Outcome {
    let handler = |params: Params| async move {
        let show = |name: &str| {
            let value = params.get(name.as_bytes()).map(String::from_utf8_lossy);
            format!("{name}={}\n", value.as_deref().unwrap_or("(none)"))
        };
        ["REQUEST_URI", "DOCUMENT_URI", "QUERY_STRING", "SITE", "EMPTY", "CONTENT_LENGTH", "HTTPS"]
            .map(show)
            .concat()
    };
    let site = place
        .with("fastcgi_param SITE \"a b\"; fastcgi_param EMPTY \"\";")
        .serve(Router::new().fallback(handler))
        .await?;
    let response = site.get("/a%20b?c=%20d").await?;
    let expected = "\
REQUEST_URI=/a%20b?c=%20d
DOCUMENT_URI=/a b
QUERY_STRING=c=%20d
SITE=a b
EMPTY=
CONTENT_LENGTH=
HTTPS=(none)
";
    assert_eq!(response.body(), expected);
    Ok(())
}
