//! This crate's server at the other end of a connection in memory.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use tokio::task::JoinHandle;
use tower::service_fn;
use tower::util::BoxCloneService;
use tower_fcgi::client::{self, Config, SendRequest};
use tower_fcgi::{Connection, RequestBody};

pub(crate) type AnyError = Box<dyn StdError + Send + Sync>;
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Settings of connections that are kept until the application closes them.
pub(crate) fn kept() -> Config {
    Config::default().with_keep_conn(true).with_ready_check(false).with_keep_alive_timeout(None)
}

/// An empty body.
pub(crate) fn none() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body with a known length.
pub(crate) fn full(content: impl Into<Bytes>) -> Body {
    Full::new(content.into()).map_err(|never| match never {}).boxed_unsync()
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(path).body(none()).unwrap()
}

pub(crate) fn post(path: &str, body: Body) -> Request<Body> {
    Request::post(path).body(body).unwrap()
}

/// The two ends of a connection.
pub(crate) struct Loopback {
    pub(crate) sender: SendRequest<Body>,
    pub(crate) web_server: JoinHandle<Result<(), client::Error>>,
    pub(crate) application: JoinHandle<Result<(), tower_fcgi::Error>>,
}

/// A connection to an application that responds with `handle`.
pub(crate) fn connect<F, R, B>(config: Config, handle: F) -> Loopback
where
    F: FnMut(Request<RequestBody>) -> R + Send + 'static,
    R: Future<Output = Response<B>> + Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<AnyError>,
{
    connect_with_pipe(4096, config, handle)
}

/// As [`connect`], over a transport that buffers `pipe` bytes.
pub(crate) fn connect_with_pipe<F, R, B>(pipe: usize, config: Config, handle: F) -> Loopback
where
    F: FnMut(Request<RequestBody>) -> R + Send + 'static,
    R: Future<Output = Response<B>> + Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<AnyError>,
{
    let (server, application) = tokio::io::duplex(pipe);
    let (sender, connection) = client::handshake(server, config);
    // Boxed, because the driver is compiled for each type of service.
    let handle = Arc::new(Mutex::new(handle));
    let service = BoxCloneService::new(service_fn(move |request| {
        let response = (*handle.lock().unwrap())(request);
        async move {
            Ok::<_, Infallible>(
                response.await.map(|body| body.map_err(Into::<AnyError>::into).boxed_unsync()),
            )
        }
    }));
    Loopback {
        sender,
        web_server: tokio::spawn(connection),
        application: tokio::spawn(Connection::new(application, service)),
    }
}

/// All of a body, as text.
pub(crate) async fn text<B>(body: B) -> Result<String, B::Error>
where
    B: http_body::Body<Data = Bytes>,
{
    let bytes = body.collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
