use std::convert::Infallible;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, HeaderValue, Request};
use axum::routing::get;
use futures_util::FutureExt as _;
use tower::{ServiceExt as _, service_fn};

use super::*;
use crate::MockParams;
use crate::extract::HttpSocket;

const CLIENT: &[(&str, &str)] = &[
    ("REMOTE_ADDR", "192.0.2.1"),
    ("REMOTE_PORT", "4711"),
    ("HTTP_HOST", "example.org:8080"),
    ("SERVER_NAME", "www"),
    ("SERVER_PORT", "8080"),
    ("REQUEST_SCHEME", "http"),
];

const FORGED: &[(&str, &str)] = &[
    ("x-forwarded-for", "6.6.6.6"),
    ("x-forwarded-for", "6.6.6.7"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-port", "666"),
    ("x-forwarded-prefix", "/evil"),
    ("x-forwarded-user", "root"),
    ("x-real-ip", "6.6.6.6"),
    ("forwarded", "for=6.6.6.6;host=evil.example;proto=https"),
    ("forwarded", "for=6.6.6.7"),
    ("cf-connecting-ip", "6.6.6.6"),
    ("x-other", "kept"),
];

/// The headers that a service inside of the layer gets.
fn headers(
    layer: &ForwardedHeaders,
    params: Option<&[(&str, &str)]>,
    sent: &[(&str, &'static str)],
) -> HeaderMap {
    let mut request = request(sent);
    if let Some(params) = params {
        request.extensions_mut().insert(params.iter().copied().collect::<tower_fcgi::Params>());
    }
    pass(layer, request)
}

/// As [`headers`], over the HTTP socket for upgrades.
fn headers_over_http(layer: &ForwardedHeaders, client: &str, sent: &[(&str, &'static str)]) -> HeaderMap {
    let mut request = request(sent);
    request.extensions_mut().insert(HttpSocket);
    request.extensions_mut().insert(ConnectInfo(client.parse::<SocketAddr>().unwrap()));
    pass(layer, request)
}

fn request(sent: &[(&str, &'static str)]) -> Request<()> {
    let mut request = Request::new(());
    for (name, value) in sent {
        let name = HeaderName::try_from(*name).unwrap();
        request.headers_mut().append(name, HeaderValue::from_static(value));
    }
    request
}

fn pass(layer: &ForwardedHeaders, request: Request<()>) -> HeaderMap {
    let inner = service_fn(async |request: Request<()>| Ok::<_, Infallible>(request.into_parts().0.headers));
    layer.layer(inner).oneshot(request).now_or_never().unwrap().unwrap()
}

/// All values of the headers that report the client.
fn reported(headers: &HeaderMap) -> Vec<String> {
    let mut lines: Vec<_> = headers
        .iter()
        .filter(|(name, _)| !["x-other", "host"].contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort();
    lines
}

/// `params` with one replaced.
fn with<'a>(params: &[(&'a str, &'a str)], name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let others = params.iter().copied().filter(|(other, _)| *other != name);
    others.chain([(name, value)]).collect()
}

#[test]
fn forged_headers_become_the_web_servers_facts() {
    let layer = ForwardedHeaders::new();
    let expected = [
        "cf-connecting-ip: 6.6.6.6",
        "forwarded: for=192.0.2.1;host=\"example.org:8080\";proto=http",
        "x-forwarded-for: 192.0.2.1",
        "x-forwarded-host: example.org:8080",
        "x-forwarded-port: 8080",
        "x-forwarded-proto: http",
        "x-real-ip: 192.0.2.1",
    ];
    let found = headers(&layer, Some(CLIENT), FORGED);
    assert_eq!(reported(&found), expected);
    assert_eq!(found["x-other"], "kept");
    // A client that sends none of them.
    assert_eq!(reported(&headers(&layer, Some(CLIENT), &[])), expected[1..]);
    let layer = layer.with_removed_header(HeaderName::from_static("cf-connecting-ip"));
    assert_eq!(reported(&headers(&layer, Some(CLIENT), FORGED)), expected[1..]);
}

#[test]
fn what_is_unknown_is_removed_and_not_set() {
    let layer = ForwardedHeaders::new();
    for addr in ["unix:", "", "client.example.org"] {
        let params = with(CLIENT, "REMOTE_ADDR", addr);
        let found = headers(&layer, Some(&params), FORGED);
        assert!(!found.contains_key("x-forwarded-for") && !found.contains_key("x-real-ip"), "{addr:?}");
        assert_eq!(found["forwarded"], "host=\"example.org:8080\";proto=http");
    }
    // Without any variable, the scheme is http, as in RequestScheme.
    let found = headers(&layer, Some(&[]), &FORGED[..10]);
    assert_eq!(reported(&found), ["forwarded: proto=http", "x-forwarded-proto: http"]);
    let params = with(&with(CLIENT, "HTTP_HOST", "a\",for=6.6.6.6;b=\""), "SERVER_PORT", "http");
    let found = headers(&layer, Some(&params), FORGED);
    assert_eq!(found["forwarded"], "for=192.0.2.1;proto=http");
    assert!(!found.contains_key("x-forwarded-host") && !found.contains_key("x-forwarded-port"));
}

#[test]
fn an_ipv6_client_over_tls_is_quoted() {
    let params = with(&with(CLIENT, "REMOTE_ADDR", "2001:db8::1"), "HTTPS", "on");
    let found = headers(&ForwardedHeaders::new(), Some(&params), FORGED);
    assert_eq!(found["x-forwarded-for"], "2001:db8::1");
    assert_eq!(found["x-forwarded-proto"], "https");
    assert_eq!(found["forwarded"], "for=\"[2001:db8::1]\";host=\"example.org:8080\";proto=https");
}

#[test]
fn requests_over_http_are_left_as_they_are() {
    let found = headers(&ForwardedHeaders::new(), None, FORGED);
    let sent: Vec<_> = FORGED.iter().map(|(name, value)| (*name, *value)).collect();
    assert_eq!(found.len(), sent.len());
    assert_eq!(found["x-real-ip"], "6.6.6.6");
}

#[test]
fn forged_headers_over_the_http_socket() {
    let layer = ForwardedHeaders::new().with_removed_header(HeaderName::from_static("cf-connecting-ip"));
    let sent = [FORGED, &[("host", "example.org:8080")]].concat();
    let expected = [
        "forwarded: for=192.0.2.1;host=\"example.org:8080\"",
        "x-forwarded-for: 192.0.2.1",
        "x-forwarded-host: example.org:8080",
        "x-real-ip: 192.0.2.1",
    ];
    let found = headers_over_http(&layer, "192.0.2.1:0", &sent);
    assert_eq!(reported(&found), expected);
    assert_eq!(found["x-other"], "kept");
    // The web server sends no address.
    for unknown in ["0.0.0.0:0", "[::]:0"] {
        let found = headers_over_http(&layer, unknown, &sent);
        assert_eq!(reported(&found), ["forwarded: host=\"example.org:8080\"", expected[2]]);
    }
    assert_eq!(reported(&headers_over_http(&layer, "0.0.0.0:0", FORGED)), [""; 0]);
}

#[test]
fn a_trusted_proxy_before_the_http_socket() {
    let trusted = TrustedProxies::new("10.0.0.0/8".parse().unwrap()).with_proto().with_port();
    let layer = ForwardedHeaders::new().with_trusted_proxies(trusted);
    let mut sent = vec![
        ("host", "example.org"),
        // The web server appends the proxy's address, which is the one in ConnectInfo.
        ("x-forwarded-for", "6.6.6.6, 192.0.2.7, 10.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-user", "root"),
        ("x-real-ip", "6.6.6.6"),
        ("forwarded", "for=6.6.6.6"),
    ];
    let expected = [
        "forwarded: for=192.0.2.7;host=example.org;proto=https, for=10.0.0.1",
        "x-forwarded-for: 192.0.2.7, 10.0.0.1",
        "x-forwarded-host: example.org",
        "x-forwarded-port: 443",
        "x-forwarded-proto: https",
        "x-real-ip: 192.0.2.7",
    ];
    assert_eq!(reported(&headers_over_http(&layer, "10.0.0.1:0", &sent)), expected);
    // A client that reaches the web server beside the proxy.
    sent[1] = ("x-forwarded-for", "10.0.0.9, 192.0.2.1");
    let found = headers_over_http(&layer, "192.0.2.1:0", &sent);
    let expected = [
        "forwarded: for=192.0.2.1;host=example.org",
        "x-forwarded-for: 192.0.2.1",
        "x-forwarded-host: example.org",
        "x-real-ip: 192.0.2.1",
    ];
    assert_eq!(reported(&found), expected);
}

#[test]
fn named_headers_come_from_trusted_proxies_only() {
    let [prefix, user, ip] =
        ["x-forwarded-prefix", "x-forwarded-user", "cf-connecting-ip"].map(HeaderName::from_static);
    let trusted = TrustedProxies::new("10.0.0.0/8".parse().unwrap()).with_header(prefix).with_header(ip);
    let layer = ForwardedHeaders::new().with_trusted_proxies(trusted);
    let behind = with(CLIENT, "REMOTE_ADDR", "10.0.0.1");
    let names = |layer: &ForwardedHeaders, params: &[(&str, &str)]| {
        let found = headers(layer, Some(params), FORGED);
        ["x-forwarded-prefix", "x-forwarded-user", "cf-connecting-ip"].map(|name| found.contains_key(name))
    };
    assert_eq!(names(&layer, &behind), [true, false, true]);
    assert_eq!(names(&layer, CLIENT), [false; 3]);
    // The headers that the layer sets remain its own.
    let found = headers(&layer, Some(&behind), FORGED);
    assert_eq!(found["x-real-ip"], "6.6.6.7");
    assert_eq!(found["x-forwarded-host"], "example.org:8080");
    let layer = layer.with_removed_header(user);
    assert_eq!(names(&layer, &behind), [true; 3]);
    assert_eq!(names(&layer, CLIENT), [false; 3]);
}

#[test]
fn a_trusted_proxy_reports_the_client() {
    let trusted = TrustedProxies::new("10.0.0.0/8".parse().unwrap());
    let layer = |trusted: &TrustedProxies| {
        let removed = HeaderName::from_static("cf-connecting-ip");
        ForwardedHeaders::new().with_trusted_proxies(trusted.clone()).with_removed_header(removed)
    };
    let behind = with(CLIENT, "REMOTE_ADDR", "10.0.0.1");
    let sent = [
        ("x-forwarded-for", "6.6.6.6, 192.0.2.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "shop.example"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-prefix", "/shop"),
        ("x-forwarded-user", "root"),
        ("x-real-ip", "6.6.6.6"),
        ("forwarded", "for=6.6.6.6;proto=https"),
        ("cf-connecting-ip", "192.0.2.7"),
    ];
    let found = headers(&layer(&trusted), Some(&behind), &sent);
    let own = [
        "cf-connecting-ip: 192.0.2.7",
        "forwarded: for=192.0.2.7;host=\"example.org:8080\";proto=http, for=10.0.0.1",
        "x-forwarded-for: 192.0.2.7, 10.0.0.1",
        "x-forwarded-host: example.org:8080",
        "x-forwarded-port: 8080",
        "x-forwarded-proto: http",
        "x-real-ip: 192.0.2.7",
    ];
    assert_eq!(reported(&found), own);
    let all = layer(&trusted.clone().with_proto().with_host().with_port());
    let found = headers(&all, Some(&behind), &sent);
    assert_eq!(found["x-forwarded-proto"], "https");
    assert_eq!(found["x-forwarded-host"], "shop.example");
    assert_eq!(found["x-forwarded-port"], "443");
    assert_eq!(found["forwarded"], "for=192.0.2.7;host=shop.example;proto=https, for=10.0.0.1");
    // A client that reaches the web server beside the proxy.
    let found = headers(&all, Some(CLIENT), &sent);
    assert_eq!(found["x-forwarded-for"], "192.0.2.1");
    assert_eq!(found["x-forwarded-proto"], "http");
    assert!(!found.contains_key("x-forwarded-prefix") && !found.contains_key("cf-connecting-ip"));
    // A proxy that sends nothing, such as a health check.
    let found = headers(&all, Some(&behind), &[]);
    assert_eq!(found["forwarded"], "for=10.0.0.1;host=\"example.org:8080\";proto=http");
    // A client without an address is no proxy.
    let found = headers(&all, Some(&with(CLIENT, "REMOTE_ADDR", "unix:")), &sent);
    assert!(!found.contains_key("x-forwarded-for"));
}

#[test]
fn it_works_inside_and_around_a_router() {
    let handler = async |headers: HeaderMap| headers["x-real-ip"].to_str().unwrap().to_owned();
    let router = Router::new().route("/", get(handler));
    let params = MockParams::from_iter(CLIENT.iter().copied());
    let inside = router.clone().layer(ForwardedHeaders::new()).layer(params.clone());
    let around = params.layer(ForwardedHeaders::new().layer(router));
    for response in [
        inside.oneshot(Request::new(Body::empty())).now_or_never().unwrap(),
        around.oneshot(Request::new(Body::empty())).now_or_never().unwrap(),
    ] {
        let body = axum::body::to_bytes(response.unwrap().into_body(), 100).now_or_never().unwrap();
        assert_eq!(body.unwrap(), "192.0.2.1");
    }
}
