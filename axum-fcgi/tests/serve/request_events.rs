//! Warnings and errors of this crate about a request have the fields that identify it.

use axum::Router;
use axum::handler::HandlerWithoutStateExt as _;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response, Result};
use axum::routing::get;
use axum_fcgi::Authorized;
use fcgi_core::{BeginRequest, RecordEncoder, RecordType, Role, encode_pair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::log::Log;
use crate::{in_memory, wire};

/// The only warning or error since `before`.
fn only(log: &Log, before: usize) -> String {
    let lines = log.warnings();
    assert_eq!(lines.len(), before + 1, "{lines:?}");
    lines[before].clone()
}

#[tokio::test(start_paused = true)]
async fn an_authorizers_errors_name_the_request() {
    async fn authorize(uri: axum::http::Uri) -> Result<Response> {
        match uri.path() {
            "/page" => Ok("a page".into_response()),
            _ => Ok(Authorized::new().variable("AUTH_TOKEN", " x")?.into_response()),
        }
    }
    let (log, _guard) = Log::start();
    let (entrance, listener) = in_memory::listener();
    let serve = axum_fcgi::serve(listener, Router::new()).with_authorizer(authorize.into_service());
    tokio::spawn(serve.into_future());
    let mut io = entrance.connect();
    for (before, (path, message)) in [
        ("/page", "an authorizer's 200 without axum_fcgi::Authorized is no permission"),
        ("/variable", "an authorizer's variable is invalid"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut out = RecordEncoder::new();
        let begin = BeginRequest { role: Role::AUTHORIZER, keep_conn: true };
        out.write_record(RecordType::BEGIN_REQUEST, wire::ID, &begin.encode());
        let mut pairs = Vec::new();
        for (name, value) in [("REQUEST_METHOD", "POST"), ("REQUEST_URI", path), ("UNIQUE_ID", "u1")] {
            encode_pair(&mut pairs, name.as_bytes(), value.as_bytes());
        }
        out.write_stream(RecordType::PARAMS, wire::ID, &pairs);
        out.write_stream_end(RecordType::PARAMS, wire::ID);
        io.write_all(&wire::bytes(&out)).await.unwrap();
        let (response, _) = wire::streams(&mut io).await.unwrap();
        assert!(response.starts_with("Status: 500 "), "{response}");
        let line = only(&log, before);
        let fields = format!("method=POST uri={path} peer=\"()\" id=1 request_id=\"u1\" ");
        assert!(line.contains(&fields) && line.contains(message), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_instead_of_an_upgrade_names_it() {
    let (log, _guard) = Log::start();
    let (_fastcgi, listener) = in_memory::listener();
    let (entrance, http) = in_memory::listener();
    let router = Router::new().route("/page", get(async || "a page"));
    tokio::spawn(axum_fcgi::serve(listener, router).with_upgrades_over_http(http).into_future());
    let mut io = entrance.connect();
    let request = "GET /page?q HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
    io.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    io.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 426 "), "{response}");
    let line = only(&log, 0);
    assert!(line.contains("method=GET uri=/page?q peer=\"()\" status=200 "), "{line}");
    assert!(line.contains("a handler answered instead of upgrading"), "{line}");
}

#[cfg(feature = "gateway")]
#[tokio::test(start_paused = true)]
async fn a_gateways_warnings_name_the_request() {
    use std::net::SocketAddr;

    use axum::BoxError;
    use axum::body::Body;
    use axum::extract::{ConnectInfo, Request};
    use axum_fcgi::FastCgiGateway;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    let (log, _guard) = Log::start();
    let application = tower::service_fn(async |request: Request| match request.uri().path() {
        "/refused" => Err("connection refused".into()),
        _ => {
            let frames = [Ok("some"), Err("the application has ended")];
            Ok::<_, BoxError>(Response::new(Body::from_stream(futures_util::stream::iter(frames))))
        }
    });
    let gateway = FastCgiGateway::new(application);
    // Over FastCGI.
    let (entrance, listener) = in_memory::listener();
    tokio::spawn(axum_fcgi::serve(listener, Router::new().fallback_service(gateway.clone())).into_future());
    let mut io = entrance.connect();
    let pairs = [("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/refused?a"), ("SCRIPT_NAME", "/refused")];
    let mut out = wire::head(&pairs, true);
    out.write_stream_end(RecordType::STDIN, wire::ID);
    let response = wire::ask(&mut io, &wire::bytes(&out)).await.unwrap();
    assert!(response.starts_with("Status: 502 "), "{response}");
    let line = only(&log, 0);
    assert!(line.contains("method=GET uri=/refused?a peer=\"()\" id=1 error=connection refused "), "{line}");
    assert!(line.contains("the application sent no response"), "{line}");

    // Over HTTP.
    let mut request = Request::post("/ends").body(Body::empty()).unwrap();
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 80))));
    let response = gateway.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.into_body().collect().await.unwrap_err();
    let line = only(&log, 1);
    let fields = "method=POST uri=/ends peer=\"192.0.2.1:80\" ";
    assert!(line.contains(fields) && line.contains("the application's response is incomplete"), "{line}");
}

#[cfg(feature = "gateway")]
#[tokio::test]
async fn what_a_gateway_refuses_is_named() {
    use axum::BoxError;
    use axum::body::Body;
    use axum::extract::Request;
    use axum_fcgi::{FastCgiGateway, InternalFiles, PhpGateway};
    use tower::ServiceExt as _;

    let (log, _guard) = Log::start();
    let dir = tempfile::tempdir().unwrap();
    let application = tower::service_fn(async |_: Request| {
        let named = [("x-accel-redirect", "/files/none")];
        Ok::<_, BoxError>((named, Body::empty()).into_response())
    });
    let files = InternalFiles::new().x_accel_redirect("/files/", dir.path());
    let without_script = PhpGateway::new(application, dir.path()).front_controller("/none.php");
    let without_root = PhpGateway::new(application, dir.path().join("none"));
    let without_file = FastCgiGateway::new(application).internal_files(files);
    let without_files = FastCgiGateway::new(application);
    let without_location = without_files.clone().internal_files(InternalFiles::new().x_sendfile(dir.path()));
    let services = [
        (Router::new().fallback_service(without_script), 404, "the front controller is not a script"),
        (Router::new().fallback_service(without_root), 500, "the document root cannot be read"),
        (Router::new().fallback_service(without_file), 404, "the application named a file that is not sent"),
        (
            Router::new().fallback_service(without_files),
            200,
            "X-Accel-Redirect is ignored: the gateway has no internal files",
        ),
        (
            Router::new().fallback_service(without_location),
            200,
            " is ignored: the gateway has no internal files for it",
        ),
    ];
    for (before, (service, status, message)) in services.into_iter().enumerate() {
        let request = Request::get("/page?q").body(Body::empty()).unwrap();
        let response = service.oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{message}");
        let line = only(&log, before);
        assert!(line.contains("method=GET uri=/page?q ") && line.contains(message), "{line}");
    }
}

#[cfg(feature = "gateway")]
#[tokio::test(start_paused = true)]
async fn a_gateways_timeout_names_the_request() {
    use axum::BoxError;
    use axum::body::Body;
    use axum::extract::Request;
    use axum_fcgi::FastCgiGateway;
    use tower::ServiceExt as _;

    let (log, _guard) = Log::start();
    let never =
        tower::service_fn(async |_: Request| std::future::pending::<Result<Response, BoxError>>().await);
    let request = Request::get("/slow?q").body(Body::empty()).unwrap();
    let response = FastCgiGateway::new(never).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    let line = only(&log, 0);
    assert!(
        line.contains("method=GET uri=/slow?q ")
            && line.contains("the application timed out before it sent a response"),
        "{line}"
    );
}
