//! `serve` with a signal to shut down.

use std::convert::Infallible;
use std::fmt;
use std::io;

use axum::extract::Request;
use axum::response::Response;
use axum::serve::Listener;
use tower_fcgi::Stats;
use tower_service::Service;

use super::accept_loop::{self, Startup};
use super::builder::Serve;
use super::config::Config;
use super::future::ServeFuture;
use super::make_service::make_fcgi_service::MakeFcgiService;
use super::make_service::{HasAuthorizer, HasFilter, NoAuthorizer, NoFilter, ServedRoles, WithRole};
use super::shutdown::{Ended, ShutdownCause};
use crate::roles::RoleRouter;

/// A [`Serve`] with a graceful shutdown. Await it to serve.
///
/// It has the other methods of [`Serve`], so that they can be called in any order. A second signal is an error of the compiler.
///
/// ```
/// use axum::Router;
/// use axum_fcgi::Config;
/// use tokio::net::TcpListener;
/// use tokio::sync::oneshot;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (stop, stopped) = oneshot::channel::<()>();
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let server = axum_fcgi::serve(listener, Router::new())
///     .with_graceful_shutdown(async { drop(stopped.await) })
///     .with_config(Config::default().with_max_connections(512));
/// let server = tokio::spawn(server.into_future());
///
/// drop(stop);
/// server.await??;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is served until it is awaited"]
pub struct ServeWithShutdown<L, M, K, F, R = ServedRoles> {
    pub(super) serve: Serve<L, M, K, R>,
    pub(super) signal: F,
}

/// One with a service `T` for another role.
type Added<L, M, T, K, F, R> = ServeWithShutdown<L, RoleRouter<M, T>, WithRole<K>, F, R>;

impl<L: Listener, M, K, F, R> ServeWithShutdown<L, M, K, F, R> {
    /// The address of the listener.
    ///
    /// # Errors
    /// If the system does not return it.
    pub fn local_addr(&self) -> io::Result<L::Addr> {
        self.serve.local_addr()
    }
}

impl<L, M, K, F, R> ServeWithShutdown<L, M, K, F, R> {
    /// Replaces the default settings: see [`Serve::with_config`].
    pub fn with_config(self, config: Config) -> Self {
        Self { serve: self.serve.with_config(config), ..self }
    }

    /// Counts what the connections and their requests do: see [`Serve::with_stats`].
    pub fn with_stats(self, stats: Stats) -> Self {
        Self { serve: self.serve.with_stats(stats), ..self }
    }

    /// Also serves upgrades over HTTP: see [`Serve::with_upgrades_over_http`].
    pub fn with_upgrades_over_http(self, listener: L) -> Self {
        Self { serve: self.serve.with_upgrades_over_http(listener), ..self }
    }
}

impl<L, M, K, F, G> ServeWithShutdown<L, M, K, F, ServedRoles<NoAuthorizer, G>> {
    /// Adds a service for the role Authorizer: see [`Serve::with_authorizer`].
    pub fn with_authorizer<A>(self, authorizer: A) -> Added<L, M, A, K, F, ServedRoles<HasAuthorizer, G>>
    where
        A: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
    {
        ServeWithShutdown { serve: self.serve.with_authorizer(authorizer), signal: self.signal }
    }
}

impl<L, M, K, F, A> ServeWithShutdown<L, M, K, F, ServedRoles<A, NoFilter>> {
    /// Adds a service for the role Filter: see [`Serve::with_filter`].
    pub fn with_filter<T>(self, filter: T) -> Added<L, M, T, K, F, ServedRoles<A, HasFilter>>
    where
        T: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
    {
        ServeWithShutdown { serve: self.serve.with_filter(filter), signal: self.signal }
    }
}

impl<L, M, K, F, R> IntoFuture for ServeWithShutdown<L, M, K, F, R>
where
    L: Listener<Addr: fmt::Debug>,
    M: MakeFcgiService<L, K>,
    K: 'static,
    F: Future<Output = ()> + Send + 'static,
    R: 'static,
{
    type Output = io::Result<()>;
    type IntoFuture = ServeFuture;

    fn into_future(self) -> ServeFuture {
        let Self { serve: Serve { listener, http, service, config, roles, stats, kind: _ }, signal } = self;
        ServeFuture::new(async move {
            let signal = async {
                signal.await;
                ShutdownCause::Application
            };
            let startup = Startup { roles, stats, started_by: "the application" };
            let run = accept_loop::run::<L, L, _, K>;
            // Connections that are stuck end with the runtime, or the process.
            let (Ended::All | Ended::Aborted | Ended::Stuck) =
                run(listener, http, service, config, startup, signal).await;
            Ok(())
        })
    }
}
