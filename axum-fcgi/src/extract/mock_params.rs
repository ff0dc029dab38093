//! What the web server would have told, for tests.

use axum::Extension;
use axum::extract::connect_info::MockConnectInfo;
use axum::middleware::AddExtension;
use tower_layer::Layer;

use super::client_addr::client_addr;
use super::params::Params;

/// A layer for the tests of an application: what the web server would have told.
///
/// As axum's [`MockConnectInfo`] is for [`ConnectInfo`](axum::extract::ConnectInfo): with this layer every
/// extractor of this crate finds in a request that did not come over FastCGI what it would find in one that
/// came with these meta-variables. Where a request did come over FastCGI, that wins.
///
/// [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo) is there as well, by REMOTE_ADDR and REMOTE_PORT,
/// since over FastCGI it is told by the same variables; a [`MockConnectInfo`] of the router's own, in a layer
/// that was added before this one, wins. Lines that are written to a [`Stderr`](crate::Stderr) are dropped.
///
/// The request itself (target, method, headers) is the test's: no variable changes it.
///
/// # Examples
/// ```
/// use axum::{Router, body::Body, http::Request, routing::get};
/// use axum_fcgi::{MockParams, RemoteUser};
/// use tower::ServiceExt as _;
///
/// fn app() -> Router {
///     Router::new().route("/", get(async |RemoteUser(user): RemoteUser| format!("Hello, {user}!")))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let app = app().layer(MockParams::from_iter([("REMOTE_USER", "eve")]));
/// let response = app.oneshot(Request::new(Body::empty())).await.unwrap();
/// let body = axum::body::to_bytes(response.into_body(), 1024).await.unwrap();
/// assert_eq!(body, "Hello, eve!");
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct MockParams(pub Params);

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for MockParams {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl<S> Layer<S> for MockParams {
    type Service = AddExtension<AddExtension<S, MockConnectInfo<std::net::SocketAddr>>, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        let client = MockConnectInfo(client_addr(&self.0));
        Extension(self.clone()).layer(Extension(client).layer(inner))
    }
}
