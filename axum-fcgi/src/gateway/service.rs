//! A request on its way to the application.

use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::BoxError;
use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, Request};
use axum::http::uri::{PathAndQuery, Scheme};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt as _, Limited};
use tokio::time::Instant;
use tower_fcgi::client::LocalRedirect;
use tower_service::Service;

use super::body::TimedBody;
use super::builder::FastCgi;
use super::error_status::{self, RequestBodyError};
use super::mount_path::MountPath;
use super::resolver::Resolved;
use super::segment::{SegmentKind, form};
use super::settings::Settings;
use super::timeout::HeadTimeout;
use super::variables;

impl<S, B> Service<Request> for FastCgi<S>
where
    S: Service<Request, Response = axum::http::Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = FastCgiFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Whether the application is, is asked of its clone, so that its failure can be an answer.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> FastCgiFuture {
        let asking =
            GatewayRequest { application: self.application.clone(), settings: Arc::clone(&self.settings) };
        // In a box, since a future has room for whatever it holds at any await, and for what it is given once more.
        FastCgiFuture { answer: Box::pin(asking.answer(Box::new(request))) }
    }
}

/// The answer of a [`FastCgi`].
///
/// # Cancel safety
/// Dropping it gives the request up.
pub struct FastCgiFuture {
    answer: Pin<Box<dyn Future<Output = Response> + Send>>,
}

impl Future for FastCgiFuture {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.answer.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for FastCgiFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FastCgiFuture").finish_non_exhaustive()
    }
}

struct GatewayRequest<S> {
    application: S,
    settings: Arc<Settings>,
}

/// What is to be done with a request.
enum Next {
    /// It is the application's, and its variables are in it.
    Ask,
    /// It goes to who has the files.
    Files,
    Answer(Response),
}

impl<S, B> GatewayRequest<S>
where
    S: Service<Request, Response = axum::http::Response<B>> + Clone,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    async fn answer(mut self, mut request: Box<Request>) -> Response {
        let begun = Instant::now();
        let mut left = self.settings.local_redirects;
        loop {
            let whole = whole(&request);
            let again = (left > 0).then(|| Box::new(RedirectRequest::new(&request, &whole)));
            match next(&mut request, whole, &self.settings) {
                Next::Answer(response) => return response,
                Next::Files => return Box::pin(self.files(request)).await,
                Next::Ask => {}
            }
            let patience = HeadTimeout::new(&self.settings, begun, request.body_mut());
            let response = match patience.wait(pin!(self.ask(request))).await {
                Some(Ok(response)) => response,
                Some(Err(status)) => return status.into_response(),
                None => {
                    tracing::warn!("the application has not answered in time");
                    return StatusCode::GATEWAY_TIMEOUT.into_response();
                }
            };
            let redirect = response.extensions().get::<LocalRedirect>();
            if let Some(next) = redirect.zip(again).and_then(|(to, again)| again.request(&to.0)) {
                left -= 1;
                request = Box::new(next);
                continue;
            }
            let deadline = self.settings.timeout.and_then(|limit| begun.checked_add(limit));
            return response.map(|body| Body::new(TimedBody::new(body, deadline)));
        }
    }

    /// Sends a request to the application.
    async fn ask(&mut self, mut request: Box<Request>) -> Result<S::Response, StatusCode> {
        // Dropped right after the call: what it has reserved beyond that must not be kept while the answer is awaited.
        let mut application = self.application.clone();
        let asked = async {
            if let Some(limit) = self.settings.collect
                && is_unsized(&request)
            {
                let collected = Box::pin(collect(std::mem::take(request.body_mut()), limit));
                *request.body_mut() = collected.await?;
            }
            poll_fn(|cx| application.poll_ready(cx)).await.map_err(Into::into)?;
            let response = application.call(*request);
            drop(application);
            response.await.map_err(Into::into)
        };
        asked.await.map_err(|error: BoxError| error_status::error_status(&error))
    }

    async fn files(self, request: Box<Request>) -> Response {
        let others = self.settings.files.as_ref().and_then(|files| files.others.clone());
        match others {
            Some(mut others) => others.call(*request).await.unwrap_or_else(|never| match never {}),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }
}

/// The target as the client has sent it.
fn whole(request: &Request) -> Uri {
    match request.extensions().get::<OriginalUri>() {
        Some(OriginalUri(whole)) => whole.clone(),
        None => request.uri().clone(),
    }
}

async fn collect(body: Body, limit: usize) -> Result<Body, BoxError> {
    Ok(Limited::new(body, limit).collect().await.map_err(RequestBodyError)?.to_bytes().into())
}

/// Looks up what a request is for, and makes the application's of it where it is.
fn next(request: &mut Request, whole: Uri, settings: &Settings) -> Next {
    let at = MountPath::new(whole.path(), request.uri().path());
    let extensions = request.extensions();
    let extra = match &settings.files {
        // It has no files that a path could be led away from, but its language may have strings that end at a NUL.
        None if at.below.split('/').any(|part| part.contains('%') && has_nul(part)) => {
            return Next::Answer(StatusCode::BAD_REQUEST.into_response());
        }
        None => variables::of_application(&at, settings, extensions),
        Some(files) => match files.site.find(at.below, at.slash) {
            Resolved::Script(script) => variables::of_script(files, &script, &at, settings, extensions),
            Resolved::File | Resolved::Missing => return Next::Files,
            Resolved::NeedsSlash => return Next::Answer(with_slash(&whole)),
            Resolved::Refused => return Next::Answer(StatusCode::NOT_FOUND.into_response()),
            Resolved::Malformed => return Next::Answer(StatusCode::BAD_REQUEST.into_response()),
        },
    };
    let scheme = settings.scheme.clone().unwrap_or_else(|| {
        extensions.get::<tower_fcgi::Params>().map_or(Scheme::HTTP, tower_fcgi::Params::scheme)
    });
    request.extensions_mut().insert(extra);
    request.extensions_mut().insert(scheme);
    *request.uri_mut() = whole;
    Next::Ask
}

fn has_nul(part: &str) -> bool {
    part.contains("%00") && form(part) == SegmentKind::Malformed
}

/// A redirect to the same with a slash at the end of the path. That it is the one that was looked up keeps it from being
/// another host's: a path whose second byte is a slash or backslash as well names no directory.
fn with_slash(whole: &Uri) -> Response {
    let query = whole.query().map(|query| format!("?{query}")).unwrap_or_default();
    match HeaderValue::try_from(format!("{}/{query}", whole.path())) {
        Ok(location) => (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, location)]).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Whether nobody says how long a body is.
fn is_unsized(request: &Request) -> bool {
    http_body::Body::size_hint(request.body()).exact().is_none()
        && !request.headers().contains_key(header::CONTENT_LENGTH)
}

/// What is kept of a request to ask for another path in its place (RFC 3875 §6.2.2).
struct RedirectRequest {
    request: axum::http::Request<()>,
    prefix: String,
}

impl RedirectRequest {
    fn new(request: &Request, whole: &Uri) -> Self {
        let prefix = MountPath::new(whole.path(), request.uri().path()).prefix.to_owned();
        let mut again = axum::http::Request::new(());
        *again.version_mut() = request.version();
        again.headers_mut().clone_from(request.headers());
        again.extensions_mut().clone_from(request.extensions());
        Self { request: again, prefix }
    }

    /// The request for this path, a GET, if that is below the mount.
    fn request(mut self, to: &PathAndQuery) -> Option<Request> {
        let below = to.as_str().strip_prefix(&self.prefix)?;
        *self.request.uri_mut() = match below.as_bytes().first() {
            Some(b'/') => below.parse().ok()?,
            None | Some(b'?') => format!("/{below}").parse().ok()?,
            Some(_) => return None,
        };
        self.request.extensions_mut().insert(OriginalUri(to.clone().into()));
        for name in [header::CONTENT_LENGTH, header::CONTENT_TYPE, header::TRANSFER_ENCODING] {
            self.request.headers_mut().remove(name);
        }
        Some(self.request.map(|()| Body::empty()))
    }
}

#[cfg(test)]
mod tests;
