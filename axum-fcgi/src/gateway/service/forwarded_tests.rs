//! What the application is told of the client and of the connection.

use axum::Router;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tower::ServiceExt as _;

use super::tests::{request, text};
use super::*;

/// The variables of a request from `peer`, and the headers that the application gets.
async fn sent_to_application(
    gateway: impl Fn(FastCgiGateway<EchoVariables>) -> FastCgiGateway<EchoVariables>,
    layer: Option<crate::ForwardedHeaders>,
    peer: &str,
    params: Option<&[(&str, &str)]>,
    headers: &[(&str, &str)],
) -> String {
    let mut request = request("/");
    for (name, value) in headers {
        let name: axum::http::HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    request
        .extensions_mut()
        .insert(axum::extract::ConnectInfo(peer.parse::<std::net::SocketAddr>().unwrap()));
    if let Some(params) = params {
        request.extensions_mut().insert(params.iter().copied().collect::<tower_fcgi::Params>());
    }
    let mut router = Router::new().fallback_service(gateway(FastCgiGateway::new(EchoVariables)));
    if let Some(layer) = layer {
        router = router.layer(layer);
    }
    text(router.oneshot(request).await.unwrap()).await
}

/// Responds with the variables about the connection that tower-fcgi's client would send.
#[derive(Clone)]
struct EchoVariables;

impl Service<Request> for EchoVariables {
    type Response = Response;
    type Error = BoxError;
    type Future = std::future::Ready<Result<Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let extra = &request.extensions().get::<tower_fcgi::client::ExtraParams>().unwrap().0;
        let names = ["REMOTE_ADDR", "REMOTE_PORT", "SERVER_ADDR", "SERVER_NAME", "SERVER_PORT"];
        let mut text: Vec<_> = names.map(|name| extra.get_str(name).unwrap_or("-").to_owned()).into();
        text.push(request.extensions().get::<axum::http::uri::Scheme>().unwrap().to_string());
        text.push(request.headers()[header::HOST].to_str().unwrap().to_owned());
        std::future::ready(Ok(text.join(" ").into_response()))
    }
}

const FORWARDED: &[(&str, &str)] = &[
    ("host", "internal:8080"),
    ("x-forwarded-for", "6.6.6.6, 192.0.2.1"),
    ("x-forwarded-for", "10.0.0.2:99"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "shop.example.org"),
    ("x-forwarded-port", "8443"),
    ("forwarded", "for=6.6.6.6;proto=https;host=evil.example"),
    ("x-real-ip", "6.6.6.6"),
];

/// As Apache and nginx send them.
const WEB_SERVER: &[(&str, &str)] = &[
    ("REMOTE_ADDR", "10.0.0.1"),
    ("SERVER_ADDR", "10.0.0.9"),
    ("SERVER_NAME", "www"),
    ("SERVER_PORT", "8080"),
    ("REQUEST_SCHEME", "http"),
];

#[tokio::test]
async fn only_trusted_proxies_state_the_client() {
    let trusted = || crate::TrustedProxies::new("10.0.0.0/8".parse().unwrap());
    let all = || trusted().with_proto().with_host().with_port();
    let own = "10.0.0.1 7 - - - http internal:8080";
    let own_over_fastcgi = "10.0.0.1 7 10.0.0.9 www 8080 http internal:8080";
    for (proxies, peer, params, expected) in [
        (None, "10.0.0.1:7", None, own),
        (None, "10.0.0.1:7", Some(WEB_SERVER), own_over_fastcgi),
        (Some(all()), "192.0.2.9:7", None, "192.0.2.9 7 - - - http internal:8080"),
        (Some(trusted()), "10.0.0.1:7", None, "192.0.2.1  - - - http internal:8080"),
        (Some(trusted()), "10.0.0.1:7", Some(WEB_SERVER), "192.0.2.1  10.0.0.9 www 8080 http internal:8080"),
        (Some(trusted().with_proto()), "10.0.0.1:7", None, "192.0.2.1  - - - https internal:8080"),
        (
            Some(trusted().with_proto()),
            "10.0.0.1:7",
            Some(WEB_SERVER),
            "192.0.2.1  10.0.0.9 www - https internal:8080",
        ),
        (Some(all()), "10.0.0.1:7", None, "192.0.2.1  - - 8443 https shop.example.org"),
        (Some(all()), "[::ffff:10.0.0.1]:7", None, "192.0.2.1  - - 8443 https shop.example.org"),
        (Some(all()), "10.0.0.1:7", Some(WEB_SERVER), "192.0.2.1  10.0.0.9 - 8443 https shop.example.org"),
    ] {
        let option = |gateway: FastCgiGateway<_>| match &proxies {
            Some(proxies) => gateway.trusted_proxies(proxies.clone()),
            None => gateway,
        };
        let found = sent_to_application(option, None, peer, params, FORWARDED).await;
        assert_eq!(found, expected, "{proxies:?} {peer}");
        // The same with the layer around the gateway.
        let layer = match proxies {
            Some(proxies) => crate::ForwardedHeaders::new().with_trusted_proxies(proxies),
            None => crate::ForwardedHeaders::new(),
        };
        let found = sent_to_application(|gateway| gateway, Some(layer), peer, params, FORWARDED).await;
        assert_eq!(found, expected, "layer, {peer}");
    }
}

#[tokio::test]
async fn invalid_headers_of_trusted_proxies_do_not_count() {
    let all = crate::TrustedProxies::new("10.0.0.0/8".parse().unwrap()).with_proto().with_host().with_port();
    let option = |gateway: FastCgiGateway<_>| gateway.trusted_proxies(all.clone());
    let host = ("host", "internal");
    for (headers, expected) in [
        (&[host][..], "10.0.0.1 7 - - - http internal"),
        (&[host, ("x-forwarded-for", "192.0.2.1:4711")], "192.0.2.1 4711 - - - http internal"),
        (&[host, ("x-forwarded-for", "2001:db8::1")], "2001:db8::1  - - - http internal"),
        (&[host, ("x-forwarded-for", "unknown")], "10.0.0.1 7 - - - http internal"),
        (&[host, ("x-forwarded-proto", "javascript")], "10.0.0.1 7 - - - http internal"),
        (&[host, ("x-forwarded-host", "a/b")], "10.0.0.1 7 - - - http internal"),
        (&[host, ("x-forwarded-port", "99999")], "10.0.0.1 7 - - - http internal"),
    ] {
        let found = sent_to_application(option, None, "10.0.0.1:7", None, headers).await;
        assert_eq!(found, expected, "{headers:?}");
    }
    let https = |gateway: FastCgiGateway<_>| option(gateway).https(false).env("SERVER_PORT", "1");
    let found = sent_to_application(https, None, "10.0.0.1:7", None, FORWARDED).await;
    assert_eq!(found, "192.0.2.1  - - 1 http shop.example.org");
}

/// Over HTTP, the connection's own address and port are known from `ConnectionAddrs`.
#[tokio::test]
async fn the_servers_address_is_that_of_the_connection() {
    let trusted = || crate::TrustedProxies::new("127.0.0.1".parse().unwrap());
    let gateway = FastCgiGateway::new(EchoVariables);
    for (gateway, expected) in [
        (gateway.clone(), "127.0.0.1 CLIENT 127.0.0.1 - PORT http site"),
        (gateway.clone().trusted_proxies(trusted()), "192.0.2.1  127.0.0.1 - PORT http site"),
        (gateway.trusted_proxies(trusted().with_proto()), "192.0.2.1  127.0.0.1 - - https site"),
    ] {
        let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = Router::new().fallback_service(gateway);
        let service = router.into_make_service_with_connect_info::<crate::ConnectionAddrs>();
        let serving = tokio::spawn(async move { axum::serve(listener, service).await });
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let client = stream.local_addr().unwrap().port();
        let head =
            b"GET / HTTP/1.0\r\nHost: site\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n\r\n";
        stream.write_all(head).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        let expected = expected.replace("PORT", &port.to_string()).replace("CLIENT", &client.to_string());
        assert_eq!(response.split("\r\n\r\n").nth(1), Some(&*expected), "{response}");
        serving.abort();
    }
}
