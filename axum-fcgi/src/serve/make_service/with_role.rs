//! Make-services whose services also have another role.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::Response;
use axum::serve::Listener;
use tower_service::Service;

use super::make_fcgi_service::MakeFcgiService;
use crate::roles::RoleRouter;
use crate::serve::incoming_stream::IncomingStream;

/// The kind of [`Serve::with_authorizer`](crate::Serve::with_authorizer) and [`with_filter`](crate::Serve::with_filter):
/// `Kind` is that of the Responder.
#[derive(Debug, Clone, Copy)]
pub struct WithRole<Kind>(PhantomData<Kind>);

// Not in the compiler's messages: only `Serve` makes a `RoleRouter`.
#[diagnostic::do_not_recommend]
impl<L, M, T, K> MakeFcgiService<L, WithRole<K>> for RoleRouter<M, T>
where
    L: Listener,
    M: MakeFcgiService<L, K>,
    T: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
    K: 'static,
{
    type Service = RoleRouter<M::Service, T>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.responder_mut().poll_ready(cx)
    }

    fn make_service(&mut self, stream: IncomingStream<'_, L>) -> impl Future<Output = Self::Service> + Send {
        let (role, role_service) = self.role_service();
        let made = self.responder_mut().make_service(stream);
        async move { RoleRouter::new(made.await, role, role_service) }
    }
}
