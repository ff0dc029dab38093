//! A service for each role.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use pin_project_lite::pin_project;
use tower::util::Oneshot;
use tower_fcgi::{RequestSummary, Role, Stderr};
use tower_service::Service;

use super::authorized::{AuthorizedMarker, InvalidVariable};
use crate::request_log::request_event;

/// Sends the requests for one role to a service of their own, and all others to another service.
///
/// [`Serve::with_authorizer`](crate::Serve::with_authorizer) and [`with_filter`](crate::Serve::with_filter) make it.
///
/// A request waits only for the readiness of its own service, on a clone: if one service is busy, requests for the other
/// go on.
#[derive(Debug, Clone)]
pub struct RoleRouter<S, T> {
    responder: S,
    role_service: T,
    role: Role,
}

impl<S, T> RoleRouter<S, T> {
    pub(crate) const fn new(responder: S, role: Role, role_service: T) -> Self {
        Self { responder, role_service, role }
    }

    /// The service for all other roles, which may be a make-service.
    pub(crate) const fn responder_mut(&mut self) -> &mut S {
        &mut self.responder
    }

    /// The service with a role of its own.
    pub(crate) fn role_service(&self) -> (Role, T)
    where
        T: Clone,
    {
        (self.role, self.role_service.clone())
    }
}

impl<S, T> Service<Request> for RoleRouter<S, T>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone,
    T: Service<Request, Response = Response, Error = Infallible> + Clone,
{
    type Response = Response;
    type Error = Infallible;
    type Future = RoleRouterFuture<S, T>;

    /// Always ready. The request determines which service to wait for, so its future waits.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let params = request.extensions().get::<tower_fcgi::Params>();
        let state = match params.filter(|params| params.role() == self.role) {
            None => State::Responder { future: Oneshot::new(self.responder.clone(), request) },
            Some(params) if self.role == Role::AUTHORIZER => {
                let (stderr, log) = (params.stderr(), params.summary());
                State::Authorizer { future: Oneshot::new(self.role_service.clone(), request), stderr, log }
            }
            Some(_) => State::RoleService { future: Oneshot::new(self.role_service.clone(), request) },
        };
        RoleRouterFuture { state }
    }
}

pin_project! {
    /// The future of a [`RoleRouter`]'s response.
    pub struct RoleRouterFuture<S, T>
    where
        S: Service<Request>,
        T: Service<Request>,
    {
        #[pin]
        state: State<Oneshot<S, Request>, Oneshot<T, Request>>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, G> {
        Responder { #[pin] future: F },
        RoleService { #[pin] future: G },
        Authorizer { #[pin] future: G, stderr: Option<Stderr>, log: RequestSummary },
        /// Writes the reason to the web server's log; then the response is a 500.
        Rejecting { #[pin] write: Pin<Box<dyn Future<Output = ()> + Send>> },
    }
}

impl<S, T> Future for RoleRouterFuture<S, T>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    T: Service<Request, Response = Response, Error = Infallible>,
{
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let write = match state.as_mut().project() {
                StateProj::Responder { future } => return future.poll(cx),
                StateProj::RoleService { future } => return future.poll(cx),
                StateProj::Authorizer { future, stderr, log } => {
                    let Ok(response) = ready!(future.poll(cx));
                    if let Some(error) = response.extensions().get::<InvalidVariable>() {
                        request_event!(error, log, %error, "an authorizer's variable is invalid: answering 500");
                    }
                    if response.status() != StatusCode::OK
                        || response.extensions().get::<AuthorizedMarker>().is_some()
                    {
                        return Poll::Ready(Ok(response));
                    }
                    log_rejection(stderr.take(), log)
                }
                StateProj::Rejecting { write } => {
                    ready!(write.poll(cx));
                    return Poll::Ready(Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response()));
                }
            };
            state.set(State::Rejecting { write });
        }
    }
}

/// Logs a `200` that is not an [`Authorized`](crate::Authorized). By FastCGI §6.3 every 200 is a permission; here, a page
/// that happens to exist at the request's path is not.
fn log_rejection(stderr: Option<Stderr>, log: &RequestSummary) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    const REASON: &str = "an authorizer's 200 without axum_fcgi::Authorized is no permission: answering 500; return Authorized to allow";
    request_event!(error, log, "{REASON}");
    Box::pin(async move {
        if let Some(stderr) = stderr {
            // An error means that the request is over, so the line is not needed.
            let _ = stderr.write(REASON).await;
        }
    })
}

impl<S, T> fmt::Debug for RoleRouterFuture<S, T>
where
    S: Service<Request>,
    T: Service<Request>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoleRouterFuture").finish_non_exhaustive()
    }
}
