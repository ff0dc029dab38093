//! Converts a connection's requests and responses to axum's.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, OriginalUri, Request};
use axum::response::Response;
use pin_project_lite::pin_project;
use tower_fcgi::{ReasonPhrase, RequestBody};
use tower_service::Service;

use super::upgrade;
use crate::extract::or_unspecified;

/// Calls an axum service with requests that came over FastCGI.
#[derive(Debug, Clone)]
pub(super) struct AxumService<S> {
    service: S,
}

impl<S> AxumService<S> {
    pub(super) const fn new(service: S) -> Self {
        Self { service }
    }
}

impl<S> Service<axum::http::Request<RequestBody>> for AxumService<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = AxumFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: axum::http::Request<RequestBody>) -> Self::Future {
        // `Body::new` allocates, and most requests have no body.
        let body = |body: RequestBody| if body.has_ended() { Body::empty() } else { Body::new(body) };
        let mut request = request.map(body);
        let extensions = request.extensions_mut();
        if let Some(params) = extensions.get::<tower_fcgi::Params>() {
            let client = or_unspecified(params.client_addr());
            extensions.insert(ConnectInfo(client));
        }
        // The Router inserts the target that it routes on, unless the request already has an OriginalUri.
        if let Some(tower_fcgi::OriginalUri(uri)) = extensions.remove() {
            extensions.insert(OriginalUri(uri));
        }
        if let Some(upgrade) = extensions.remove::<tower_fcgi::OnUpgrade>() {
            extensions.extend(upgrade::extension(upgrade));
        }
        AxumFuture { future: self.service.call(request) }
    }
}

pin_project! {
    /// The future of an [`AxumService`]'s response.
    pub(super) struct AxumFuture<F> {
        #[pin]
        future: F,
    }
}

impl<F> Future for AxumFuture<F>
where
    F: Future<Output = Result<Response, Infallible>>,
{
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Ok(mut response) = ready!(self.project().future.poll(cx));
        // Over HTTP, hyper writes this extension.
        if let Some(reason) = response.extensions_mut().remove::<hyper::ext::ReasonPhrase>()
            && let Ok(reason) = ReasonPhrase::try_from(Bytes::from(reason))
        {
            response.extensions_mut().insert(reason);
        }
        Poll::Ready(Ok(response))
    }
}
