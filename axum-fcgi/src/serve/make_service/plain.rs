//! Services that are not made.

use std::convert::Infallible;
use std::future::ready;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::Response;
use axum::serve::Listener;
use tower_service::Service;

use super::make_fcgi_service::MakeFcgiService;
use crate::serve::incoming_stream::IncomingStream;

/// The kind of services: each connection gets a clone.
#[derive(Debug, Clone, Copy)]
pub enum Plain {}

impl<L, S> MakeFcgiService<L, Plain> for S
where
    L: Listener,
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    type Service = S;

    /// Each request waits for the service itself, on its clone.
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn make_service(&mut self, _stream: IncomingStream<'_, L>) -> impl Future<Output = S> + Send {
        ready(self.clone())
    }
}
