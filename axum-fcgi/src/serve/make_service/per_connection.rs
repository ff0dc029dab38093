//! Make-services that are called for each connection.

use std::convert::Infallible;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::Response;
use axum::serve::Listener;
use tower_service::Service;

use super::make_fcgi_service::MakeFcgiService;
use crate::serve::incoming_stream::IncomingStream;

/// The kind of make-services that are called with an [`IncomingStream`] for each connection of a web server.
#[derive(Debug, Clone, Copy)]
pub enum PerConnection {}

impl<L, M, S> MakeFcgiService<L, PerConnection> for M
where
    L: Listener,
    M: for<'a> Service<IncomingStream<'a, L>, Response = S, Error = Infallible> + Send + 'static,
    for<'a> <M as Service<IncomingStream<'a, L>>>::Future: Send,
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    type Service = S;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Service::poll_ready(self, cx).map(|Ok(())| ())
    }

    fn make_service(&mut self, stream: IncomingStream<'_, L>) -> impl Future<Output = S> + Send {
        // Outside the async block, which would hold `stream` and so need `L::Io: Sync`.
        let made = self.call(stream);
        async {
            let Ok(service) = made.await;
            service
        }
    }
}
