//! Meta-variables for tests.

use axum::Extension;
use axum::extract::connect_info::MockConnectInfo;
use axum::middleware::AddExtension;
use tower_layer::Layer;

use super::client_addr::client_addr;
use super::params::Params;

/// A layer for tests: sets the meta-variables that a web server would send.
///
/// Like axum's [`MockConnectInfo`] for [`ConnectInfo`](axum::extract::ConnectInfo): with this layer, all extractors of this
/// crate work for requests that do not come over FastCGI. A request that comes over FastCGI keeps its own variables.
///
/// [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo) is set from REMOTE_ADDR and REMOTE_PORT, as over FastCGI; a
/// [`MockConnectInfo`] in a layer that was added before this one wins. Lines written to a [`Stderr`](crate::Stderr) are
/// dropped. The request itself (target, method, headers) does not change.
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
