//! The trait of services and make-services.

use std::convert::Infallible;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::Response;
use axum::serve::Listener;
use tower_service::Service;

use crate::serve::incoming_stream::IncomingStream;

/// What [`serve`](crate::serve()) and [`serve_auto`](crate::serve_auto) take: a service, or a make-service as
/// [`axum::serve()`] takes it.
///
/// | `Kind` | which types | the service of a request |
/// | --- | --- | --- |
/// | [`Plain`](crate::make_service::Plain) | `Router`, `MethodRouter`, `handler.into_service()`, and every other service with axum's requests and responses | a clone |
/// | [`PerRequest`](crate::make_service::PerRequest) | `into_make_service_with_connect_info::<SocketAddr>()` | made with the address of the request's client |
/// | [`PerConnection`](crate::make_service::PerConnection) | `into_make_service()`, `into_make_service_with_connect_info::<C>()`, and every other make-service of an [`IncomingStream`] | a clone of the one that was made for the connection |
///
/// The compiler infers `Kind`. Any other type can implement the trait with a `Kind` of its own.
#[diagnostic::on_unimplemented(
    message = "axum_fcgi cannot serve `{Self}` on a `{L}`",
    label = "neither a service with axum's requests and responses nor a make-service",
    note = "pass a `Router<()>` (call `.with_state(…)` first), a `MethodRouter`, `handler.into_service()`, `router.into_make_service()`, or any `tower::Service<axum::extract::Request, Response = axum::response::Response, Error = Infallible>` that is `Clone + Send + 'static`",
    note = "`router.into_make_service_with_connect_info::<SocketAddr>()` needs nothing else: it is the address of each request's client",
    note = "for `into_make_service_with_connect_info::<C>()` with your own `C`, add `impl Connected<axum_fcgi::IncomingStream<'_, {L}>> for C`: the one for `axum::serve::IncomingStream` does not apply"
)]
pub trait MakeFcgiService<L: Listener, Kind>: Send + 'static {
    /// The service of a connection. Each request gets a clone.
    type Service: Service<Request, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static;

    /// Waits until a service can be made.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Makes the service of a connection. The next connection is accepted once the future has completed.
    fn make_service(&mut self, stream: IncomingStream<'_, L>) -> impl Future<Output = Self::Service> + Send;
}
