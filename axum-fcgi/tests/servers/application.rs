//! The application: one Router. The tests serve it themselves, or the web server starts a copy of the test
//! program.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Duration;
use std::{env, fs};

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{ConnectInfo, OriginalUri, Path as Segments, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use axum_fcgi::Stderr;
use futures_util::{Stream, StreamExt as _, stream};
use tokio::runtime;
use tower::service_fn;

use crate::data::{self, Digest};
use crate::line;
use crate::runner::ON_PURPOSE;

/// A copy of this program under this name is the application: web servers pass no argument.
const NAME: &str = "application.fcgi";

pub(crate) const LARGE: usize = 10_000_000;
pub(crate) const LARGE_HEADER: usize = 48 * 1024;
pub(crate) const EVENTS: usize = 4;

pub(crate) fn is_this() -> bool {
    env::current_exe().is_ok_and(|program| program.ends_with(NAME))
}

/// Runs the application when a web server has started it.
pub(crate) fn run() -> ExitCode {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(axum_fcgi::serve_auto(app()).into_future())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the application has ended: {error}");
            ExitCode::FAILURE
        }
    }
}

static COPY: OnceLock<PathBuf> = OnceLock::new();

/// Copies this program to where every user may start it.
pub(crate) fn copy() -> &'static Path {
    COPY.get_or_init(|| {
        let make = || {
            let dir = tempfile::tempdir()?.keep();
            fs::set_permissions(&dir, fs::Permissions::from_mode(0o755))?;
            fs::copy(env::current_exe()?, dir.join(NAME))?;
            fs::set_permissions(dir.join(NAME), fs::Permissions::from_mode(0o755))?;
            io::Result::Ok(dir.join(NAME))
        };
        make().expect("a program can be copied")
    })
}

pub(crate) fn remove_copy() {
    if let Some(dir) = COPY.get().and_then(|copy| copy.parent()) {
        _ = fs::remove_dir_all(dir);
    }
}

pub(crate) fn app() -> Router {
    Router::new()
        .route("/well", get(async || "well"))
        .route("/target/{*rest}", get(async |OriginalUri(uri): OriginalUri| uri.to_string()))
        .route("/echo", any(async |body: Bytes| body))
        .route("/digest", any(digest))
        .route("/early", any(async || (StatusCode::NOT_FOUND, "no")))
        .route("/large", any(async || data::body(LARGE)))
        .route("/status/{code}", get(status))
        .route("/redirect/{code}", get(redirect))
        .route("/headers/{name}", any(values))
        .route("/cookies", get(cookies))
        .route("/large-header", get(async || [("x-large", "x".repeat(LARGE_HEADER))]))
        .nest_service(
            "/sized",
            service_fn(async |_: Request| Ok::<_, Infallible>(Response::new(Body::from("five!")))),
        )
        .route("/size", any(size))
        .route("/json", post(async |Json(text): Json<String>| text))
        .route("/spaced", get(async || [("x-spaced", "\t some words \t")]))
        .route("/long/{chunks}", get(long))
        .route("/client", get(async |ConnectInfo(client): ConnectInfo<SocketAddr>| client.to_string()))
        .route("/pid", get(async || std::process::id().to_string()))
        .route("/panic", get(async || -> &str { panic!("{ON_PURPOSE} a teapot has a crack") }))
        .route("/breaks/{length}", get(breaks))
        .route("/fails/{how}", get(fails))
        .route("/stderr", get(stderr))
        .route("/events", get(events))
        .route("/silent", get(silent))
        .route("/endless", get(endless))
}

/// Responds with the length and checksum of the body that it received.
async fn digest(request: Request) -> Result<String, (StatusCode, String)> {
    let digest = data::digest(request.into_body()).await;
    digest.map(digest_text).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))
}

pub(crate) fn digest_text(digest: Digest) -> String {
    format!("{} bytes, {:08x}", digest.length, digest.crc32)
}

async fn status(Segments(code): Segments<u16>) -> StatusCode {
    StatusCode::from_u16(code).expect("a status")
}

async fn redirect(Segments(code): Segments<u16>) -> impl IntoResponse {
    (status(Segments(code)).await, [(header::LOCATION, "/well?from=here")], "elsewhere")
}

/// Joins the values of a header, in order.
async fn values(Segments(name): Segments<String>, headers: HeaderMap) -> String {
    let values = headers.get_all(name).iter().map(|value| value.to_str().expect("ASCII"));
    values.collect::<Vec<_>>().join(", ")
}

async fn cookies() -> impl IntoResponse {
    AppendHeaders(["a=1", "b=2", "c=3"].map(|cookie| (header::SET_COOKIE, cookie)))
}

/// What a handler that forwards its request knows about the body.
async fn size(request: Request) -> String {
    format!("{:?} {}", request.body().size_hint().exact(), request.body().is_end_stream())
}

/// More bytes than were declared.
async fn long(Segments(chunks): Segments<String>) -> impl IntoResponse {
    let chunks: Vec<_> = chunks.split('-').map(|chunk| Ok::<_, Infallible>(chunk.to_owned())).collect();
    ([(header::CONTENT_LENGTH, "4")], Body::from_stream(stream::iter(chunks)))
}

/// A body that fails after part of it was sent.
async fn breaks(Segments(length): Segments<String>) -> impl IntoResponse {
    const CHUNKS: usize = 5;
    let chunk = Bytes::from(vec![b'x'; 64 * 1024]);
    let mut headers = HeaderMap::new();
    if length == "declared" {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from((CHUNKS + 1) * chunk.len()));
    }
    let chunks = stream::unfold(0, move |n| {
        let chunk = chunk.clone();
        async move {
            // A pause, so that the previous chunk has been sent.
            tokio::time::sleep(Duration::from_millis(20)).await;
            let item = if n < CHUNKS { Ok(chunk) } else { Err(io::Error::other("the source is gone")) };
            Some((item, n + 1))
        }
    });
    (headers, Body::from_stream(chunks))
}

/// A body that fails at once, or right after its head was sent.
async fn fails(Segments(how): Segments<String>) -> impl IntoResponse {
    let mut headers = HeaderMap::new();
    if how == "short" {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(5));
    }
    let first = (how == "frame" || how == "short").then(|| Ok(Bytes::from("some")));
    let last = stream::iter((how != "short").then_some(how)).then(async |how| match how.as_str() {
        "panic" => panic!("{ON_PURPOSE} the body's source has run dry"),
        "behind" => {
            // Enough yields for the head to be sent, on one thread and on several.
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
            Err(io::Error::other("the source is gone"))
        }
        _ => Err(io::Error::other("the source is gone")),
    });
    (headers, Body::from_stream(stream::iter(first).chain(last)))
}

/// Writes a line while there is nothing else to send, and waits until the test has log_check for it.
async fn stderr(headers: HeaderMap, stderr: Stderr) -> &'static str {
    stderr.write("a line for the log").await.expect("the request is active");
    line::call(&headers).await.hear().await;
    "written"
}

/// Events. Each one after the first is made when the test has seen the previous one.
async fn events(headers: HeaderMap) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let call = line::call(&headers).await;
    Sse::new(stream::unfold((0, call), async |(n, mut call)| {
        if n > 0 {
            call.hear().await;
        }
        (n < EVENTS).then(|| (Ok(Event::default().data(n.to_string())), (n + 1, call)))
    }))
}

/// Never responds.
async fn silent(headers: HeaderMap) {
    let mut call = line::call(&headers).await;
    // Until it is dropped, or its test ends.
    call.end().await;
}

/// Never stops sending.
async fn endless(headers: HeaderMap) -> Body {
    let call = line::call(&headers).await;
    let chunk = Bytes::from(vec![b'x'; 16 * 1024]);
    Body::from_stream(stream::unfold(call, move |call| {
        let chunk = chunk.clone();
        async move {
            // A body that is always ready would leave a single-threaded runtime no time to notice the
            // disconnect.
            tokio::task::yield_now().await;
            Some((Ok::<_, Infallible>(chunk), call))
        }
    }))
}
