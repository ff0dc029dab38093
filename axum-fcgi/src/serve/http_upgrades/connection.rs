//! Serves one request of an HTTP connection.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tower::util::Oneshot;
use tower_fcgi::stats::HttpConnection;
use tower_fcgi::{RequestSummary, RequestTarget};
use tower_service::Service;
use tracing::Instrument as _;

use super::request;
use super::stream::UpgradeStream;
use crate::accept::{Connections, HttpHandle};
use crate::request_log::{RequestLog, Summarize};

/// Serves HTTP connections, for upgrades only.
pub(in crate::serve) struct HttpUpgrades {
    target: Arc<RequestTarget>,
    header_read_timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
}

impl HttpUpgrades {
    pub(in crate::serve) fn new(config: &tower_fcgi::Config) -> Self {
        Self {
            target: Arc::new(config.request_target().clone()),
            header_read_timeout: config.header_read_timeout(),
            idle_timeout: config.upgrade_idle_timeout(),
        }
    }

    /// Serves a connection in its own task.
    pub(in crate::serve) fn spawn<IO, S>(
        &self,
        io: IO,
        peer: &dyn fmt::Debug,
        service: S,
        connections: &Arc<Connections>,
        counted: Option<HttpConnection>,
    ) where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
    {
        let web_server: Arc<str> = format!("{peer:?}").into();
        let handle = HttpHandle::new(Arc::clone(&web_server));
        let guard = connections.register(handle.clone());
        let stream = UpgradeStream::new(io, handle.clone(), guard, self.idle_timeout, counted);
        let span = tracing::debug_span!("http_upgrade", ?peer);
        let target = Arc::clone(&self.target);
        let served = serve(stream, handle, service, target, web_server, self.header_read_timeout);
        tokio::spawn(served.instrument(span));
    }
}

/// A request from a web server, over HTTP.
struct HttpRequestLog {
    request: RequestLog,
    web_server: Arc<str>,
}

impl Summarize for HttpRequestLog {
    fn summarize(&self) -> RequestSummary {
        self.request.summarize().with_peer(&*self.web_server)
    }
}

async fn serve<IO, S>(
    stream: UpgradeStream<IO>,
    handle: HttpHandle,
    service: S,
    target: Arc<RequestTarget>,
    web_server: Arc<str>,
    header_read_timeout: Option<Duration>,
) where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    let hyper_service = service_fn(move |request| {
        answer(service.clone(), request, Arc::clone(&target), Arc::clone(&web_server))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_read_timeout)
        .serve_connection(TokioIo::new(stream), hyper_service)
        .with_upgrades();
    tokio::select! {
        served = connection => match served {
            // From now on the handler owns the stream, if the request was upgraded.
            Ok(()) => handle.upgraded(),
            Err(error) => tracing::debug!(%error, "an HTTP connection failed"),
        },
        () = handle.aborted() => tracing::debug!("an HTTP connection was aborted"),
    }
}

async fn answer<S>(
    service: S,
    request: axum::http::Request<Incoming>,
    target: Arc<RequestTarget>,
    web_server: Arc<str>,
) -> Result<Response, Infallible>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let log = HttpRequestLog { request: RequestLog::of(&request), web_server };
    let response = match request::accept(request, &target, &log) {
        Ok(request) => request::check_response(Oneshot::new(service, request).await?, &log),
        Err(refusal) => refusal.into_response(),
    };
    Ok(request::close_unless_upgraded(response))
}
