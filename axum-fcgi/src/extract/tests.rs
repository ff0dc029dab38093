//! All extractors with `MockParams`.

use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::connect_info::MockConnectInfo;
use axum::extract::{ConnectInfo, Request};
use axum::routing::get;
use tower::ServiceExt as _;

use super::{MockParams, Params, RemoteUser, RequestScheme, ServerAddr, Stderr};

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
