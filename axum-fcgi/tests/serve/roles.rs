//! Roles other than Responder, and a prefix.

use axum::Router;
use axum::extract::OriginalUri;
use axum::handler::HandlerWithoutStateExt as _;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response, Result};
use axum::routing::get;
use axum_fcgi::{Authorized, Config, FilterData, Params, RequestTarget};
use fcgi_core::{BeginRequest, RecordEncoder, RecordType, Role, encode_pair};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::wire::{ID, ask, bytes, get as get_of, streams};

/// A request for `role` on a kept connection, without its streams.
pub(crate) fn head(role: Role, pairs: &[(&str, &str)]) -> RecordEncoder {
    let mut out = RecordEncoder::new();
    out.write_record(RecordType::BEGIN_REQUEST, ID, &BeginRequest { role, keep_conn: true }.encode());
    let mut encoded = Vec::new();
    for (name, value) in pairs {
        encode_pair(&mut encoded, name.as_bytes(), value.as_bytes());
    }
    out.write_stream(RecordType::PARAMS, ID, &encoded);
    out.write_stream_end(RecordType::PARAMS, ID);
    out
}

fn to_authorize(path: &str, token: &str) -> Vec<u8> {
    let pairs = [("REQUEST_METHOD", "POST"), ("REQUEST_URI", path), ("HTTP_X_TOKEN", token)];
    bytes(&head(Role::AUTHORIZER, &pairs))
}

/// Allows requests with a token, denies others, and returns an invalid response on demand.
async fn authorize(uri: Uri, headers: HeaderMap) -> Result<Response> {
    let token = headers["x-token"].to_str().unwrap_or_default();
    Ok(match uri.path() {
        "/page" => "a page".into_response(),
        "/refuse" => StatusCode::UNAUTHORIZED.into_response(),
        "/invalid" => Authorized::new().variable("AUTH_TOKEN", " x")?.into_response(),
        _ if token.is_empty() => return Err((StatusCode::FORBIDDEN, "no token").into()),
        _ => Authorized::new().variable("AUTH_TOKEN", token)?.into_response(),
    })
}

async fn filter(file: Option<FilterData>, again: Option<FilterData>) -> Result<String, StatusCode> {
    assert!(again.is_none(), "the data can be taken only once");
    let Some(file) = file else { return Ok("no file".to_owned()) };
    let length = file.length();
    let bytes = axum::body::to_bytes(file.into_body(), 1000).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok(format!("{length} {}", String::from_utf8_lossy(&bytes)))
}

fn router() -> Router {
    Router::new().fallback(async |params: Params| format!("{:?}", params.role()))
}

/// Sends a request on a connection; returns its STDOUT and STDERR.
async fn ask_both(io: &mut TcpStream, request: &[u8]) -> std::io::Result<(String, String)> {
    io.write_all(request).await?;
    streams(io).await
}

async fn listen() -> (TcpListener, std::net::SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

#[tokio::test]
async fn a_router_only_gets_responder_requests() {
    let (listener, addr) = listen().await;
    tokio::spawn(axum_fcgi::serve(listener, router()).with_config(Config::default()).into_future());
    let mut io = TcpStream::connect(addr).await.unwrap();
    assert_eq!(ask(&mut io, &to_authorize("/", "t")).await.unwrap(), "", "an unknown role gets no response");
    assert!(ask(&mut io, &get_of("/", true)).await.unwrap().ends_with("RESPONDER"));
}

#[tokio::test]
async fn each_role_has_its_service() {
    let (listener, addr) = listen().await;
    let serve = axum_fcgi::serve(listener, router())
        .with_authorizer(authorize.into_service())
        .with_filter(Router::new().fallback(filter))
        .with_config(Config::default());
    tokio::spawn(serve.into_future());
    let mut io = TcpStream::connect(addr).await.unwrap();
    assert!(ask(&mut io, &get_of("/", true)).await.unwrap().ends_with("RESPONDER"));
    let allowed = ask(&mut io, &to_authorize("/", "t")).await.unwrap();
    assert_eq!(allowed, "Status: 200 OK\r\nVariable-AUTH_TOKEN: t\r\n\r\n");
    let denied = ask(&mut io, &to_authorize("/", "")).await.unwrap();
    assert!(denied.starts_with("Status: 403 Forbidden\r\n") && denied.ends_with("no token"), "{denied}");
    let denied = ask(&mut io, &to_authorize("/refuse", "t")).await.unwrap();
    assert!(denied.starts_with("Status: 401 Unauthorized\r\n"), "{denied}");

    for (declared, expected) in [("4", "4 file"), ("5", "")] {
        let pairs = [("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/"), ("FCGI_DATA_LENGTH", declared)];
        let mut out = head(Role::FILTER, &pairs);
        out.write_stream_end(RecordType::STDIN, ID);
        out.write_stream(RecordType::DATA, ID, b"file");
        out.write_stream_end(RecordType::DATA, ID);
        let response = ask(&mut io, &bytes(&out)).await.unwrap();
        let status = if expected.is_empty() { "Status: 502 " } else { "Status: 200 " };
        assert!(response.starts_with(status) && response.ends_with(expected), "{response}");
    }
}

#[tokio::test]
async fn a_page_is_no_permission() {
    let (listener, addr) = listen().await;
    tokio::spawn(
        axum_fcgi::serve(listener, router()).with_authorizer(authorize.into_service()).into_future(),
    );
    let mut io = TcpStream::connect(addr).await.unwrap();
    let (stdout, stderr) = ask_both(&mut io, &to_authorize("/page", "t")).await.unwrap();
    assert!(stdout.starts_with("Status: 500 ") && !stdout.contains("a page"), "{stdout}");
    assert!(stderr.contains("no permission"), "{stderr}");
    // A header or a variable that cannot be forwarded does not allow the request either.
    let (stdout, _) = ask_both(&mut io, &to_authorize("/invalid", "t")).await.unwrap();
    assert!(stdout.starts_with("Status: 500 "), "{stdout}");
}

#[tokio::test]
async fn nested_routes_have_no_prefix_and_original_uri_does() {
    let (listener, addr) = listen().await;
    let page = get(async |OriginalUri(whole): OriginalUri, uri: Uri| format!("{whole} {uri}"));
    let inner = Router::new().route("/deep", page.clone());
    let router = Router::new().route("/page", page).nest("/in", inner);
    let connection =
        tower_fcgi::Config::default().with_request_target(RequestTarget::StripPrefix("/app".to_owned()));
    let config = Config::default().with_connection(connection);
    tokio::spawn(axum_fcgi::serve(listener, router).with_config(config).into_future());
    let mut io = TcpStream::connect(addr).await.unwrap();
    for (path, expected) in
        [("/app/page?q=1", "/app/page?q=1 /page?q=1"), ("/app/in/deep", "/app/in/deep /deep")]
    {
        let response = ask(&mut io, &get_of(path, true)).await.unwrap();
        assert_eq!(response.split("\r\n\r\n").nth(1), Some(expected));
    }
    for path in ["/page", "/appother/page", "//app/page", "/app%2Fpage"] {
        let (stdout, stderr) = ask_both(&mut io, &get_of(path, true)).await.unwrap();
        assert!(stdout.starts_with("Status: 404 ") && stderr.is_empty(), "{path}");
    }
}
