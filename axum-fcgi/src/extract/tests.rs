//! All extractors with `MockParams`.

use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::connect_info::MockConnectInfo;
use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::routing::get;
use tower::ServiceExt as _;

use super::{
    AuthType, ClientProtocol, DocumentRoot, MockParams, Params, RedirectStatus, RemoteUser, RequestScheme,
    RequestUri, ScriptName, ServerAddr, ServerName, ServerRequestId, ServerSoftware, Stderr, TlsInfo,
};

async fn body(app: Router, request: Request) -> String {
    let response = app.oneshot(request).await.unwrap();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

fn app() -> Router {
    let handler = async |ConnectInfo(client): ConnectInfo<SocketAddr>,
                         params: Option<Params>,
                         user: Option<RemoteUser>,
                         server: Option<ServerAddr>,
                         scheme: Option<RequestScheme>,
                         stderr: Option<Stderr>| {
        if let Some(stderr) = &stderr {
            stderr.write("dropped").await.unwrap();
        }
        let params = params.map(|params| params.len());
        let scheme = scheme.map(|RequestScheme(scheme)| scheme.to_string());
        let (user, server) = (user.map(|user| user.0), server.map(|server| server.0.port()));
        format!("{client} {params:?} {user:?} {server:?} {scheme:?} {}", stderr.is_some())
    };
    Router::new().route("/", get(handler))
}

const SENT: [(&str, &str); 6] = [
    ("REMOTE_ADDR", "192.0.2.1"),
    ("REMOTE_PORT", "99"),
    ("REMOTE_USER", "eve"),
    ("SERVER_ADDR", "192.0.2.2"),
    ("SERVER_PORT", "443"),
    ("HTTPS", "on"),
];

/// The name of each extractor that gets its value, also as an `Option`.
macro_rules! extracted {
    ($($extractor:ident)+) => {{
        let mut router = Router::new();
        $(
            let handler = async |_: $extractor, optional: Option<$extractor>| optional.is_some().to_string();
            router = router.route(concat!("/", stringify!($extractor)), get(handler));
        )+
        let mut extracted = Vec::new();
        let router = router.layer(MockParams::from_iter(EVERY));
        $(
            let request = Request::get(concat!("/", stringify!($extractor))).body(Body::empty()).unwrap();
            if body(router.clone(), request).await == "true" {
                extracted.push(stringify!($extractor));
            }
        )+
        (extracted, [$(stringify!($extractor)),+])
    }};
}

const EVERY: [(&str, &str); 14] = [
    ("AUTH_TYPE", "Basic"),
    ("DOCUMENT_ROOT", "/srv"),
    ("HTTPS", "on"),
    ("REDIRECT_STATUS", "404"),
    ("REMOTE_USER", "eve"),
    ("REQUEST_ID", "a1"),
    ("REQUEST_URI", "/a"),
    ("SCRIPT_NAME", "/a"),
    ("SERVER_ADDR", "192.0.2.2"),
    ("SERVER_NAME", "example.org"),
    ("SERVER_PORT", "443"),
    ("SERVER_PROTOCOL", "HTTP/1.1"),
    ("SERVER_SOFTWARE", "nginx"),
    ("SSL_PROTOCOL", "TLSv1.3"),
];

#[tokio::test]
async fn mock_params_cover_all_extractors() {
    let (extracted, all) = extracted! {
        AuthType ClientProtocol DocumentRoot Params RedirectStatus RemoteUser RequestScheme RequestUri ScriptName
        ServerAddr ServerName ServerRequestId ServerSoftware Stderr TlsInfo
    };
    assert_eq!(extracted, all);
}

#[tokio::test]
async fn every_extractor_falls_back_to_mock_params() {
    let app = app().layer(MockParams::from_iter(SENT));
    let seen = body(app, Request::new(Body::empty())).await;
    assert_eq!(seen, r#"192.0.2.1:99 Some(6) Some("eve") Some(443) Some("https") true"#);
}

#[tokio::test]
async fn the_web_servers_variables_win() {
    let mut request = Request::new(Body::empty());
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 9], 1))));
    request.extensions_mut().insert(tower_fcgi::Params::from_iter([("REMOTE_USER", "bob")]));
    let seen = body(app().layer(MockParams::from_iter(SENT)), request).await;
    assert_eq!(seen, r#"192.0.2.9:1 Some(1) Some("bob") None Some("http") false"#);
}

#[tokio::test]
async fn an_earlier_mock_connect_info_wins() {
    let client = MockConnectInfo(SocketAddr::from(([192, 0, 2, 9], 1)));
    let app = app().layer(client).layer(MockParams::default());
    let seen = body(app, Request::new(Body::empty())).await;
    assert_eq!(seen, r#"192.0.2.9:1 Some(0) None None Some("http") true"#);
}

#[tokio::test]
async fn a_rejection_has_the_status_and_text_it_sends() {
    let rejection = crate::rejection::MissingRemoteUser;
    let (status, text) = (rejection.status(), rejection.body_text());
    assert_eq!((status, &*text), (StatusCode::INTERNAL_SERVER_ERROR, &*rejection.to_string()));
    let response = axum::response::IntoResponse::into_response(rejection);
    assert_eq!(response.status(), status);
    assert_eq!(to_bytes(response.into_body(), usize::MAX).await.unwrap(), text);
}
