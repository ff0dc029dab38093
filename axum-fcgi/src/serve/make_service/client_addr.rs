//! Make-services of the client's address, which are called for each request.

use std::convert::Infallible;
use std::fmt;
use std::future::ready;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::extract::{ConnectInfo, Request};
use axum::middleware::AddExtension;
use axum::response::Response;
use axum::serve::Listener;
use pin_project_lite::pin_project;
use tower::util::Oneshot;
use tower_service::Service;

use super::make_fcgi_service::MakeFcgiService;
use crate::extract::or_unspecified;
use crate::serve::incoming_stream::IncomingStream;

/// The kind of `into_make_service_with_connect_info::<SocketAddr>()`, which is called for each request.
///
/// axum calls it once for each connection, since a connection over HTTP is a client. A web server's connection carries the
/// requests of many clients.
#[derive(Debug, Clone, Copy)]
pub enum PerRequest {}

/// The service that a make-service of the client's address adds to each request.
type WithClientAddr<S> = AddExtension<S, ConnectInfo<SocketAddr>>;

impl<L, M, S> MakeFcgiService<L, PerRequest> for M
where
    L: Listener,
    M: Service<SocketAddr, Response = WithClientAddr<S>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
    S: Send + 'static,
    WithClientAddr<S>: Service<Request, Response = Response, Error = Infallible, Future: Send>,
{
    type Service = ClientAddrService<M>;

    /// The make-service is polled before each request.
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn make_service(&mut self, _stream: IncomingStream<'_, L>) -> impl Future<Output = Self::Service> + Send {
        ready(ClientAddrService { make: self.clone() })
    }
}

/// Makes the service of each request with the address of its client.
///
/// A request waits until the service that was made for it is ready.
#[derive(Debug, Clone)]
pub struct ClientAddrService<M> {
    make: M,
}

impl<M, S> Service<Request> for ClientAddrService<M>
where
    M: Service<SocketAddr, Response = S, Error = Infallible>,
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = ClientAddrFuture<M::Future, S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.make.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let client = request.extensions().get().map(|ConnectInfo(client)| *client);
        let made = self.make.call(or_unspecified(client));
        ClientAddrFuture { state: State::Making { made, request: Some(request) } }
    }
}

pin_project! {
    /// The future of a [`ClientAddrService`]'s response.
    pub struct ClientAddrFuture<F, S>
    where
        S: Service<Request>,
    {
        #[pin]
        state: State<F, Oneshot<S, Request>>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, G> {
        /// `request` is taken when the service is made.
        Making { #[pin] made: F, request: Option<Request> },
        Calling { #[pin] future: G },
    }
}

impl<F, S> Future for ClientAddrFuture<F, S>
where
    F: Future<Output = Result<S, Infallible>>,
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let future = match state.as_mut().project() {
                StateProj::Calling { future } => return future.poll(cx),
                StateProj::Making { made, request } => {
                    let Ok(service) = ready!(made.poll(cx));
                    Oneshot::new(service, request.take().unwrap_or_default())
                }
            };
            state.set(State::Calling { future });
        }
    }
}

impl<F, S: Service<Request>> fmt::Debug for ClientAddrFuture<F, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAddrFuture").finish_non_exhaustive()
    }
}
