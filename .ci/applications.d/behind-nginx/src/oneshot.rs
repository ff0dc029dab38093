//! Calls a Router through nginx.

use std::error::Error;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;

use crate::listen;

/// In place of `tower::ServiceExt::oneshot`.
pub trait Oneshot {
    /// Sends a request through nginx.
    ///
    /// # Errors
    /// If there is no response.
    fn oneshot(
        self,
        request: Request<Body>,
    ) -> impl Future<Output = Result<Response<Body>, Box<dyn Error + Send + Sync>>> + Send;
}

impl Oneshot for Router {
    async fn oneshot(
        self,
        mut request: Request<Body>,
    ) -> Result<Response<Body>, Box<dyn Error + Send + Sync>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let authority = listener.local_addr()?.to_string();
        tokio::spawn(axum_fcgi::serve(listen(listener), self).into_future());
        let mut uri = std::mem::take(request.uri_mut()).into_parts();
        uri.scheme = Some(axum::http::uri::Scheme::HTTP);
        uri.authority = Some(authority.parse()?);
        *request.uri_mut() = Uri::from_parts(uri)?;
        let client = Client::builder(TokioExecutor::new()).build_http();
        Ok(client.request(request).await?.map(Body::new))
    }
}
