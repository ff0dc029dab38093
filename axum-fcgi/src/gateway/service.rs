//! Sends a request to the application and returns its response.

use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::BoxError;
use axum::body::Bytes;
use axum::extract::{OriginalUri, Request};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use http_body::Body as _;
use tokio::time::Instant;
use tower_fcgi::client::BodyInHand;
use tower_service::Service;

use super::abandoned::{BoxedResponse, Collection};
use super::body::response_body;
use super::client_connection::ClientConnection;
use super::error_status::error_status;
use super::fastcgi_gateway::FastCgiGateway;
use super::host;
use super::internal_files::FileRequest;
use super::lingering_body::{BodyPolled, LingeringBody, refused};
use super::mount_path::MountPath;
use super::php_gateway::PhpGateway;
use super::reason_phrase::set_http_reason;
use super::redirect::{Cookies, RedirectRequest};
use super::resolver::Resolved;
use super::segment::{SegmentKind, classify};
use super::settings::{Files, Settings};
use super::spool::{Collected, buffer_response, collect};
use super::timeout::HeadTimeout;
use super::variables::{application_variables, script_variables};
use crate::request_log::RequestLog;

/// Implements [`Service`] for a gateway; `$files` are those of its scripts.
macro_rules! impl_service {
    ($gateway:ident, |$this:ident| $files:expr) => {
        impl<S, B> Service<Request> for $gateway<S>
        where
            S: Service<Request, Response = axum::http::Response<B>> + Clone + Send + 'static,
            S::Error: Into<BoxError>,
            S::Future: Send,
            B: http_body::Body<Data = Bytes> + Send + 'static,
            B::Error: Into<BoxError>,
        {
            type Response = Response;
            type Error = Infallible;
            type Future = GatewayFuture;

            /// Always ready. The future waits for the application, so that an error of its `poll_ready` becomes a response.
            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, mut request: Request) -> GatewayFuture {
                let $this = &*self;
                let gateway_request = GatewayRequest {
                    application: self.application.clone(),
                    files: $files,
                    settings: Arc::clone(&self.settings),
                };
                let collection = self.settings.collects(&request).then(|| Collection::of(request.body_mut()));
                // Boxed, because the future of an async function stores its arguments twice.
                let response = Box::pin(gateway_request.respond(Box::new(request), collection.clone()));
                GatewayFuture { response: Some(response), collection }
            }
        }
    };
}

impl_service!(PhpGateway, |gateway| Some(Arc::clone(&gateway.files)));
impl_service!(FastCgiGateway, |_gateway| None);

/// The future of a gateway's response.
///
/// # Cancel safety
/// Dropping it drops a request whose body has not arrived completely. Otherwise it is as if the future of the service's call was
/// dropped: see [`Pool`](tower_fcgi::client::Pool#cancel-safety).
pub struct GatewayFuture {
    /// `None` after the end, and while it is polled.
    response: Option<BoxedResponse>,
    /// `None` if the body is not collected.
    collection: Option<Arc<Collection>>,
}

impl Future for GatewayFuture {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // If it panics, it is dropped: it cannot go on without the client.
        let Some(mut response) = self.response.take() else { return Poll::Pending };
        let polled = response.as_mut().poll(cx);
        if polled.is_pending() {
            self.response = Some(response);
        }
        polled.map(Ok)
    }
}

impl Drop for GatewayFuture {
    fn drop(&mut self) {
        if let Some((response, collection)) = self.response.take().zip(self.collection.take()) {
            collection.abandon(response);
        }
    }
}

impl fmt::Debug for GatewayFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayFuture").finish_non_exhaustive()
    }
}

struct GatewayRequest<S> {
    application: S,
    /// `None`: the application handles all paths itself.
    files: Option<Arc<Files>>,
    settings: Arc<Settings>,
}

/// The destination of a request.
enum Route {
    /// The application. The request already has its variables.
    Application,
    /// The service for static files.
    StaticFiles,
    /// The gateway itself, with this response.
    Response(Response),
}

impl From<StatusCode> for Route {
    fn from(status: StatusCode) -> Self {
        Self::Response(status.into_response())
    }
}

/// What is kept of a request that is sent to the application.
struct Exchange {
    log: RequestLog,
    /// For the whole response.
    deadline: Option<Instant>,
    file_request: Option<FileRequest>,
}

impl Exchange {
    fn new(request: &Request, settings: &Settings, started: Instant) -> Self {
        Self {
            log: RequestLog::of(request),
            deadline: settings.timeout.and_then(|limit| started.checked_add(limit)),
            file_request: settings.internal_headers.file_request(request),
        }
    }
}

impl<S, B> GatewayRequest<S>
where
    S: Service<Request, Response = axum::http::Response<B>> + Clone,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    async fn respond(self, request: Box<Request>, collection: Option<Arc<Collection>>) -> Response {
        let mut cookies = Cookies::default();
        let response = self.follow_redirects(request, collection.as_deref(), &mut cookies).await;
        cookies.add_to(response)
    }

    async fn follow_redirects(
        mut self,
        mut request: Box<Request>,
        collection: Option<&Collection>,
        cookies: &mut Cookies,
    ) -> Response {
        let started = Instant::now();
        let mut redirects_left = self.settings.local_redirects;
        loop {
            let uri = original_uri(&request);
            let redirect = (redirects_left > 0).then(|| Box::new(RedirectRequest::new(&request, &uri)));
            match route(&mut request, uri, self.files.as_deref(), &self.settings) {
                Route::Application => {}
                Route::Response(response) => return refused(*request, response, BodyPolled::No),
                Route::StaticFiles => {
                    // If the client leaves, the service's future is dropped, whatever has arrived of the body.
                    collection.inspect(|collection| collection.end());
                    return Box::pin(self.serve_static(request)).await;
                }
            }
            let exchange = Exchange::new(&request, &self.settings, started);
            let response = match self.send(request, &exchange, collection).await {
                Ok(response) => response,
                Err(response) => return response,
            };
            match redirect.and_then(|redirect| redirect.follow(&response)) {
                None => return deliver(response, exchange, &self.settings).await,
                Some(next) => {
                    redirects_left -= 1;
                    cookies.take_from(&response);
                    request = Box::new(next);
                }
            }
        }
    }

    /// Collects the request's body and calls the application. The error is the response of the gateway.
    async fn send(
        &mut self,
        mut request: Box<Request>,
        exchange: &Exchange,
        collection: Option<&Collection>,
    ) -> Result<S::Response, Response> {
        let Exchange { log, deadline, .. } = exchange;
        let collected = match collect_body(&self.settings, &mut request, *deadline, log).await {
            Ok(collected) => collected,
            Err(status) => {
                let polled = collection.map_or(BodyPolled::No, Collection::polled);
                return Err(refused(*request, status, polled));
            }
        };
        collection.inspect(|collection| collection.end());
        if collected == Collected::No {
            // The application may respond before it has read the body.
            LingeringBody::wrap(&mut request);
        } else if !request.body().is_end_stream() {
            request.extensions_mut().insert(BodyInHand);
        }
        let timeout =
            HeadTimeout::new(self.settings.header_timeout, *deadline, request.body_mut(), collected);
        let result = match timeout.run(pin!(self.call_application(request, log))).await {
            Ok(result) => result,
            Err(expired) => Err(expired.log_and_status(log)),
        };
        result.map_err(IntoResponse::into_response)
    }

    async fn call_application(
        &mut self,
        request: Box<Request>,
        log: &RequestLog,
    ) -> Result<S::Response, StatusCode> {
        // Dropped right after the call: a permit from `poll_ready` must not be held while the response is awaited.
        let mut application = self.application.clone();
        let response = async {
            poll_fn(|cx| application.poll_ready(cx)).await.map_err(Into::into)?;
            let response = application.call(*request);
            drop(application);
            response.await.map_err(Into::into)
        };
        response.await.map_err(|error: BoxError| error_status(&error, log))
    }

    async fn serve_static(self, mut request: Box<Request>) -> Response {
        LingeringBody::wrap(&mut request);
        let static_files = self.files.as_ref().and_then(|files| files.static_files.clone());
        match static_files {
            Some(mut router) => router.call(*request).await.unwrap_or_else(|never| match never {}),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }
}

/// Collects the request's body, so that a slow client does not hold a worker.
async fn collect_body(
    settings: &Settings,
    request: &mut Request,
    deadline: Option<Instant>,
    log: &RequestLog,
) -> Result<Collected, StatusCode> {
    match &settings.buffering {
        None => Ok(Collected::No),
        Some(_) if request.body().is_end_stream() => Ok(Collected::InMemory),
        // Boxed: few requests have a body.
        Some(buffering) => {
            let collecting = Box::pin(collect(request, buffering, deadline));
            collecting.await.map_err(|error| error_status(&error.into(), log))
        }
    }
}

/// Makes the client's response from the application's.
async fn deliver<B>(response: axum::http::Response<B>, exchange: Exchange, settings: &Settings) -> Response
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let Exchange { log, deadline, file_request } = exchange;
    let (head, body) = response.into_parts();
    let body = response_body(body, settings.read_timeout, deadline, log.clone());
    let body = match &settings.buffering {
        Some(buffering) => buffer_response(body, &head.headers, buffering, deadline, log.clone()),
        None => body,
    };
    let mut response = Response::from_parts(head, body);
    set_http_reason(response.extensions_mut());
    settings.internal_headers.apply(response, file_request, &log).await
}

/// The target that the client sent.
fn original_uri(request: &Request) -> Uri {
    match request.extensions().get::<OriginalUri>() {
        Some(OriginalUri(uri)) => uri.clone(),
        None => request.uri().clone(),
    }
}

/// Decides the destination of a request. For the application, also sets the request's variables and target.
fn route(request: &mut Request, uri: Uri, files: Option<&Files>, settings: &Settings) -> Route {
    // As nginx does. TRACE would return the client's cookies to a script in its page (RFC 9110 §9.3.8), and a gateway is no
    // tunnel.
    if matches!(*request.method(), Method::TRACE | Method::CONNECT) {
        let allow = [(header::ALLOW, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")];
        return Route::Response((StatusCode::METHOD_NOT_ALLOWED, allow).into_response());
    }
    let path = MountPath::new(uri.path(), request.uri().path());
    let script = match files {
        // A decoded NUL could end a string in the application early.
        None if path.rest.split('/').any(|segment| segment.contains('%') && has_nul(segment)) => {
            return StatusCode::BAD_REQUEST.into();
        }
        None => None,
        Some(files) => match files.resolver.resolve(path.rest, path.has_slash, &RequestLog::of(&*request)) {
            Resolved::Script(script) => Some((files, script)),
            Resolved::File | Resolved::Missing => return Route::StaticFiles,
            Resolved::IndexFile(index) => {
                return match with_name(request.uri(), &index) {
                    Some(uri) => {
                        *request.uri_mut() = uri;
                        Route::StaticFiles
                    }
                    None => StatusCode::URI_TOO_LONG.into(),
                };
            }
            Resolved::NeedsSlash => return Route::Response(redirect_to_slash(&uri)),
            Resolved::Refused => return StatusCode::NOT_FOUND.into(),
            Resolved::Malformed => return StatusCode::BAD_REQUEST.into(),
            Resolved::NoRoot => return StatusCode::INTERNAL_SERVER_ERROR.into(),
        },
    };
    if !host::is_valid(request.headers()) {
        return StatusCode::BAD_REQUEST.into();
    }
    let extensions = request.extensions();
    let connection = ClientConnection::new(extensions, request.headers(), settings);
    let variables = match script {
        Some((files, script)) => script_variables(files, &script, &path, settings, extensions, &connection),
        None => application_variables(&path, settings, extensions, &connection),
    };
    let scheme = settings.scheme.clone().unwrap_or_else(|| connection.scheme());
    let forwarded_host = connection.forwarded_host();
    // Behind FastCGI the request's own version is always HTTP/1.1.
    let protocol = extensions.get::<tower_fcgi::Params>().and_then(tower_fcgi::Params::client_protocol);
    *request.version_mut() = protocol.unwrap_or(request.version());
    request.extensions_mut().insert(variables);
    request.extensions_mut().insert(scheme);
    if let Some(host) = forwarded_host {
        request.headers_mut().insert(header::HOST, host);
    }
    *request.uri_mut() = uri;
    Route::Application
}

/// Appends an encoded name to the path, which ends with a slash: the service for static files gets the path of the file that was
/// checked. For a directory, it would choose another one.
fn with_name(uri: &Uri, name: &str) -> Option<Uri> {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(format!("{}{name}{query}", uri.path()).parse().ok()?);
    Uri::from_parts(parts).ok()
}

fn has_nul(segment: &str) -> bool {
    segment.contains("%00") && classify(segment) == SegmentKind::Malformed
}

/// Redirects to the same path with a slash at the end.
///
/// The reference is relative (RFC 3986 §4.2), so it is right whatever a proxy or a middleware has removed from the path
/// before, and it cannot lead to another host.
fn redirect_to_slash(uri: &Uri) -> Response {
    let name = uri.path().rsplit('/').next().unwrap_or_default();
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    match HeaderValue::try_from(format!("./{name}/{query}")) {
        Ok(location) => (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, location)]).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod buffering_tests;
#[cfg(test)]
mod forwarded_tests;
#[cfg(test)]
mod lingering_tests;
#[cfg(test)]
mod tests;
