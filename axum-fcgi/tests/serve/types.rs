//! Services and listeners that `serve` accepts: its bounds are as wide as documented.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request};
use axum::handler::HandlerWithoutStateExt as _;
use axum::response::Response;
use axum::routing::get;
use axum::serve::{Listener, ListenerExt as _};
use axum_fcgi::{
    AuthType, ClientProtocol, DocumentRoot, MakeFcgiService, Params, RedirectStatus, RemoteUser,
    RequestScheme, ScriptName, ServerAddr, ServerName, ServerRequestId, ServerSoftware, Stderr, StderrClosed,
    TlsInfo,
};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tower::ServiceExt as _;

use crate::wire;

/// Serves on a TCP socket, and returns the response to `GET /`.
async fn answer_of<M, K: 'static>(service: M) -> String
where
    M: MakeFcgiService<TcpListener, K>,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(axum_fcgi::serve(listener, service).into_future());
    let mut io = TcpStream::connect(addr).await.unwrap();
    wire::ask(&mut io, &wire::get("/", false)).await.unwrap()
}

#[tokio::test]
async fn serve_takes_routers_handlers_and_services() {
    async fn handler() -> &'static str {
        "served"
    }
    let service = tower::service_fn(async |_: Request| Ok::<_, Infallible>(Response::new("served".into())));
    for response in [
        answer_of(Router::new().route("/", get(handler))).await,
        answer_of(Router::new().route("/", get(handler)).into_service()).await,
        answer_of(get(handler)).await,
        answer_of(handler.into_service()).await,
        answer_of(service).await,
    ] {
        assert!(response.starts_with("Status: 200 OK\r\n"), "{response}");
        assert!(response.ends_with("\r\n\r\nserved"), "{response}");
        // axum's own routes set it, too.
        assert_eq!(response.matches("content-length: 6\r\n").count(), 1, "{response}");
    }
}

#[tokio::test]
async fn tcp_unix_and_tapped_listeners_can_be_served() {
    let router = || Router::new().route("/", get(async || "served"));

    let dir = std::env::temp_dir().join(format!("axum-fcgi-types-{}", std::process::id()));
    std::fs::create_dir(&dir).unwrap();
    let unix = UnixListener::bind(dir.join("sock")).unwrap();
    tokio::spawn(axum_fcgi::serve(unix, router()).into_future());
    let mut io = UnixStream::connect(dir.join("sock")).await.unwrap();
    assert!(wire::ask(&mut io, &wire::get("/", true)).await.unwrap().ends_with("served"));
    std::fs::remove_dir_all(&dir).unwrap();

    let tapped = TcpListener::bind("127.0.0.1:0").await.unwrap().tap_io(|_| {});
    let addr = Listener::local_addr(&tapped).unwrap();
    tokio::spawn(axum_fcgi::serve(tapped, router()).into_future());
    let mut io = TcpStream::connect(addr).await.unwrap();
    assert!(wire::ask(&mut io, &wire::get("/", true)).await.unwrap().ends_with("served"));
}

#[tokio::test]
async fn web_server_variables_reach_the_handler() {
    let router = Router::new().route(
        "/",
        get(
            async |ConnectInfo(client): ConnectInfo<SocketAddr>,
                   server: Option<ServerAddr>,
                   params: Params| {
                let server = server.map(|server| server.0.to_string());
                format!("{client} {server:?} {:?}", params.get_str("REMOTE_USER"))
            },
        ),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(axum_fcgi::serve(listener, router).into_future());
    let mut io = TcpStream::connect(addr).await.unwrap();
    for (params, expected) in [
        (
            &[("REMOTE_ADDR", "192.0.2.7"), ("REMOTE_PORT", "99"), ("REMOTE_USER", "eve")][..],
            r#"192.0.2.7:99 None Some("eve")"#,
        ),
        (&[("REMOTE_ADDR", "192.0.2.7")], "192.0.2.7:0 None None"),
        (&[("REMOTE_ADDR", "unix:"), ("REMOTE_PORT", "")], "0.0.0.0:0 None None"),
        (&[("SERVER_ADDR", "::1"), ("SERVER_PORT", "443")], r#"0.0.0.0:0 Some("[::1]:443") None"#),
        (&[("SERVER_ADDR", "here"), ("SERVER_PORT", "443")], "0.0.0.0:0 None None"),
    ] {
        let request = [("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/")];
        let mut out = wire::head(&[&request, params].concat(), true);
        out.write_stream_end(fcgi_core::RecordType::STDIN, wire::ID);
        let response = wire::ask(&mut io, &wire::bytes(&out)).await.unwrap();
        assert_eq!(response.split("\r\n\r\n").nth(1), Some(expected));
    }
}

#[tokio::test]
async fn a_handler_writes_to_stderr_until_its_request_ends() {
    let (kept, mut late) = tokio::sync::mpsc::unbounded_channel();
    let handler = async move |stderr: Stderr| {
        stderr.write("a line").await.expect("the request is active");
        kept.send(stderr).expect("the test receives");
        "served"
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(axum_fcgi::serve(listener, Router::new().route("/", get(handler))).into_future());
    let mut io = TcpStream::connect(addr).await.unwrap();
    for keep_conn in [true, false] {
        io.write_all(&wire::get("/", keep_conn)).await.unwrap();
        let (stdout, stderr) = wire::streams(&mut io).await.unwrap();
        assert!(stdout.ends_with("\r\n\r\nserved"), "{stdout}");
        assert_eq!(stderr, "a line\n");
        assert_eq!(late.recv().await.unwrap().write("late").await, Err(StderrClosed));
    }
}

#[tokio::test]
async fn extractors_over_http_report_missing_params() {
    /// One route that requires the extractor, and one with an `Option` of it.
    macro_rules! routes {
        ($($fact:ident)+) => {
            Router::new()$(
                .route(concat!("/", stringify!($fact)), get(async |_: $fact| ""))
                .route(
                    concat!("/optional/", stringify!($fact)),
                    get(async |fact: Option<$fact>| fact.is_none().to_string()),
                )
            )+
        };
    }
    let router = routes! {
        Params ServerAddr RemoteUser AuthType RequestScheme ServerName ServerSoftware ScriptName
        DocumentRoot RedirectStatus ClientProtocol TlsInfo ServerRequestId Stderr
    };
    for fact in [
        "Params",
        "ServerAddr",
        "RemoteUser",
        "AuthType",
        "RequestScheme",
        "ServerName",
        "ServerSoftware",
        "ScriptName",
        "DocumentRoot",
        "RedirectStatus",
        "ClientProtocol",
        "TlsInfo",
        "ServerRequestId",
        "Stderr",
    ] {
        // A client can send any header.
        let ask = |uri| {
            let request =
                Request::builder().uri(uri).header("remote-user", "eve").header("x-request-id", "1");
            router.clone().oneshot(request.body(Body::empty()).unwrap())
        };
        let response = ask(format!("/{fact}")).await.unwrap();
        assert_eq!(response.status(), 500, "{fact}");
        let reason = to_bytes(response.into_body(), 1000).await.unwrap();
        assert!(!reason.is_empty(), "{fact}");
        let response = ask(format!("/optional/{fact}")).await.unwrap();
        assert_eq!(to_bytes(response.into_body(), 1000).await.unwrap(), "true", "{fact}");
    }
}
