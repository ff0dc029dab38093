//! Calls a Router through nginx.

use axum::BoxError;
use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::uri::{Scheme, Uri};
use axum::http::{Request, Response};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;

use crate::listen;

/// In place of `tower::ServiceExt::oneshot`.
pub trait Oneshot {
    /// Sends a request through nginx.
    ///
    /// # Errors
    /// If there is no response.
    ///
    /// # Panics
    /// If nginx cannot be started.
    fn oneshot<B>(self, request: Request<B>) -> impl Future<Output = Result<Response<Body>, Error>> + Send
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static;
}

impl Oneshot for Router {
    async fn oneshot<B>(self, request: Request<B>) -> Result<Response<Body>, Error>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let mut request = request.map(Body::new);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        tokio::spawn(axum_fcgi::serve(listen(listener), self).into_future());
        let mut uri = std::mem::take(request.uri_mut()).into_parts();
        uri.scheme = Some(Scheme::HTTP);
        uri.authority = Some(authority.parse().unwrap());
        *request.uri_mut() = Uri::from_parts(uri).unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        Ok(client.request(request).await?.map(Body::new))
    }
}
