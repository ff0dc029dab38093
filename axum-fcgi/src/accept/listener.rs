//! Accepts the next connection of a listener.

use std::any::Any;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use axum::serve::Listener;
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;
use tower_fcgi::stats::Refusal;

use super::accept_log::{self, AcceptLog};
use super::exhaustion;

/// Accepts the next connection for the `serve` that `log` belongs to.
///
/// Some listeners hide that descriptors have run out, such as axum's inside another one: they are woken, and return
/// `Pending` again. So on a second `Pending`, this checks whether a descriptor is left.
///
/// # Cancel safety
/// The same as that of the listener.
pub(crate) async fn accept_next<L: Listener>(listener: &mut L, log: &AcceptLog) -> (L::Io, L::Addr) {
    let mut accepting = pin!(accept(listener));
    let mut was_pending = false;
    loop {
        let accepted = poll_fn(|cx| match accepting.as_mut().poll(cx) {
            Poll::Ready(accepted) => Poll::Ready(Some(accepted)),
            Poll::Pending if was_pending && !log.is_waiting() && exhaustion::is_exhausted() => {
                Poll::Ready(None)
            }
            Poll::Pending => {
                was_pending = true;
                Poll::Pending
            }
        });
        if let Some(accepted) = accepted.await {
            return accepted;
        }
        log.make_room().await;
        was_pending = false;
    }
}

/// Calls `listener.accept()`. After an error of tokio's listeners, makes room for the connection.
///
/// # Cancel safety
/// The same as that of the listener.
pub(crate) async fn accept<L: Listener>(listener: &mut L) -> (L::Io, L::Addr) {
    let any: &mut (dyn Any + Send) = listener;
    if let Some(tcp) = any.downcast_mut::<TcpListener>()
        && let Some(accepted) = cast(retry(|cx| tcp.poll_accept(cx)).await)
    {
        return accepted;
    }
    #[cfg(unix)]
    if let Some(unix) = any.downcast_mut::<UnixListener>()
        && let Some(accepted) = cast(retry(|cx| unix.poll_accept(cx)).await)
    {
        return accepted;
    }
    listener.accept().await
}

/// Returns the value as `U`, if that is its type.
fn cast<T: 'static, U: 'static>(value: T) -> Option<U> {
    let mut value = Some(value);
    (&mut value as &mut dyn Any).downcast_mut::<Option<U>>()?.take()
}

async fn retry<T>(mut poll_accept: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>) -> T {
    loop {
        match poll_fn(&mut poll_accept).await {
            Ok(accepted) => return accepted,
            Err(error) if is_connection_error(&error) => {
                accept_log::count_refused(Refusal::Gone);
                tracing::debug!(%error, "a connection failed before it was accepted");
            }
            Err(error) => accept_log::wait_out(&error).await,
        }
    }
}

/// Whether only this connection failed, so that the next one can be accepted at once.
fn is_connection_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tower_fcgi::Stats;

    use super::*;
    use crate::accept::Connections;

    #[tokio::test(start_paused = true)]
    async fn errors_of_accept_are_counted() {
        let stats = Stats::new();
        let log = AcceptLog::new(&Arc::new(Connections::default()), Some(stats.clone()));
        let mut results = vec![
            Ok(()),
            Err(io::ErrorKind::OutOfMemory.into()),
            Err(io::ErrorKind::ConnectionAborted.into()),
            Err(io::ErrorKind::ConnectionReset.into()),
        ];
        log.scope(retry(|_| Poll::Ready(results.pop().expect("a result")))).await;
        let refused = stats.snapshot().connections.refused;
        assert_eq!((refused.gone, refused.accept_error, refused.total()), (2, 1, 3));
    }
}
