//! The future of `serve` and `serve_auto`.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The future that [`Serve`](crate::Serve) and [`ServeAuto`](crate::ServeAuto) turn into when they are awaited.
///
/// # Cancel safety
/// Dropping it closes the listener. Open connections are still served, each in a task of its own.
///
/// ```
/// use axum::Router;
/// use tokio::net::TcpListener;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let server: axum_fcgi::ServeFuture = axum_fcgi::serve(listener, Router::new()).into_future();
/// // Beside the rest of the program.
/// let server = tokio::spawn(server);
/// # server.abort();
/// # Ok(())
/// # }
/// ```
pub struct ServeFuture(Pin<Box<dyn Future<Output = io::Result<()>> + Send>>);

impl ServeFuture {
    pub(super) fn new(run: impl Future<Output = io::Result<()>> + Send + 'static) -> Self {
        Self(Box::pin(run))
    }
}

impl Future for ServeFuture {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for ServeFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeFuture").finish_non_exhaustive()
    }
}
