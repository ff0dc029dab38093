//! The client connected in memory to this crate's server.

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

/// An empty body.
pub(crate) fn none() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body of known length.
pub(crate) fn full(content: impl Into<Bytes>) -> Body {
    Full::new(content.into()).map_err(|never| match never {}).boxed_unsync()
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(path).body(none()).unwrap()
}

pub(crate) fn post(path: &str, body: Body) -> Request<Body> {
    Request::post(path).body(body).unwrap()
}

/// Both ends of a connection.
pub(crate) struct Both {
    pub(crate) sender: SendRequest<Body>,
    pub(crate) web_server: JoinHandle<Result<(), client::Error>>,
    pub(crate) application: JoinHandle<Result<(), tower_fcgi::Error>>,
}

/// Connects to an application that responds with `handle`.
pub(crate) fn connect<F, R, B>(config: Config, handle: F) -> Both
where
    F: FnMut(Request<RequestBody>) -> R + Send + 'static,
    R: Future<Output = Response<B>> + Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<AnyError>,
{
    connect_over(4096, config, handle)
}

/// As [`connect`], over a pipe with this number of bytes of buffer.
pub(crate) fn connect_over<F, R, B>(pipe: usize, config: Config, handle: F) -> Both
where
    F: FnMut(Request<RequestBody>) -> R + Send + 'static,
    R: Future<Output = Response<B>> + Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<AnyError>,
{
    let (server, application) = tokio::io::duplex(pipe);
    let (sender, connection) = client::handshake(server, config);
    // One type for all handlers, since the driver is compiled once per service type.
    let handle = Arc::new(Mutex::new(handle));
    let service = BoxCloneService::new(service_fn(move |request| {
        let response = (*handle.lock().unwrap())(request);
        async move {
            Ok::<_, Infallible>(
                response.await.map(|body| body.map_err(Into::<AnyError>::into).boxed_unsync()),
            )
        }
    }));
    Both {
        sender,
        web_server: tokio::spawn(connection),
        application: tokio::spawn(Connection::new(application, service)),
    }
}

/// Reads a body to its end, as text.
pub(crate) async fn text<B>(body: B) -> Result<String, B::Error>
where
    B: http_body::Body<Data = Bytes>,
{
    let bytes = body.collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
