//! One service for each role.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use pin_project_lite::pin_project;
use tower::util::Oneshot;
use tower_fcgi::{Role, Stderr};
use tower_service::Service;

use super::authorized::AuthorizedMarker;

/// Gives the requests for one role to a service of their own, and all others to another one: what
/// [`Serve::with_authorizer`](crate::Serve::with_authorizer) and [`with_filter`](crate::Serve::with_filter)
/// serve.
///
/// Only the service that a request is for is waited for, on a clone: if the one is busy, requests for the other go on.
#[derive(Debug, Clone)]
pub struct RoleRouter<S, T> {
    responder: S,
    role_service: T,
    role: Role,
}

impl<S, T> RoleRouter<S, T> {
    pub(crate) const fn new(others: S, role: Role, own: T) -> Self {
        Self { responder: others, role_service: own, role }
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

    /// Always ready: the role is known with the request, and only its service is waited for, in the future.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let params = request.extensions().get::<tower_fcgi::Params>();
        let state = match params.filter(|params| params.role() == self.role) {
            None => State::Others { future: Oneshot::new(self.responder.clone(), request) },
            Some(params) if self.role == Role::AUTHORIZER => {
                let stderr = params.stderr();
                State::Authorizer { future: Oneshot::new(self.role_service.clone(), request), stderr }
            }
            Some(_) => State::Own { future: Oneshot::new(self.role_service.clone(), request) },
        };
        RoleRouterFuture { state }
    }
}

pin_project! {
    /// The answer of whichever service was asked.
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
        Others { #[pin] future: F },
        Own { #[pin] future: G },
        Authorizer { #[pin] future: G, stderr: Option<Stderr> },
        /// The reason is on its way to the web server's log.
        Refusing { #[pin] told: Pin<Box<dyn Future<Output = ()> + Send>> },
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
            let told = match state.as_mut().project() {
                StateProj::Others { future } => return future.poll(cx),
                StateProj::Own { future } => return future.poll(cx),
                StateProj::Authorizer { future, stderr } => {
                    let Ok(response) = ready!(future.poll(cx));
                    if response.status() != StatusCode::OK
                        || response.extensions().get::<AuthorizedMarker>().is_some()
                    {
                        return Poll::Ready(Ok(response));
                    }
                    tell(stderr.take())
                }
                StateProj::Refusing { told } => {
                    ready!(told.poll(cx));
                    return Poll::Ready(Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response()));
                }
            };
            state.set(State::Refusing { told });
        }
    }
}

/// FastCGI §6.3 takes any 200 for a permission. Here a page that happens to be found under the path of a
/// request is none, whoever asked for it.
fn tell(stderr: Option<Stderr>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    const REASON: &str = "an authorizer answered 200 without axum_fcgi::Allow, which is no permission";
    tracing::error!("{REASON}");
    Box::pin(async move {
        if let Some(stderr) = stderr {
            // An error means that nobody waits for the answer any more.
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
        f.debug_struct("ByRoleFuture").finish_non_exhaustive()
    }
}
