//! Accepting, and what is done when it fails.

use std::any::Any;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::time::Instant;

use super::connections::Connections;
use super::descriptors;

/// How long an error is waited out, unless a connection ends before.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two lines in the log. An error repeats itself each second, and for each listener.
const QUIET: Duration = Duration::from_secs(10);

tokio::task_local! {
    /// Of the `serve` that this task runs. axum's `Listener` has no place for an error: so those of this crate, however
    /// they are wrapped, find here whom to tell.
    static ACCEPTING: Arc<AcceptLog>;
}

/// What the listeners of one `serve` share.
#[derive(Debug)]
pub(crate) struct AcceptLog {
    connections: Arc<Connections>,
    /// Listeners that wait out an error.
    waiting: AtomicUsize,
    log: Log,
}

/// Errors, of which not each is a line.
#[derive(Debug, Default)]
struct Log(Mutex<Option<Said>>);

#[derive(Debug)]
struct Said {
    at: Instant,
    /// Errors since then.
    unsaid: u64,
}

impl Log {
    /// `Some`: it is time for a line, and there were so many errors since the last one.
    fn due(&self) -> Option<u64> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(said) = said.as_mut().filter(|said| said.at.elapsed() < QUIET) {
            said.unsaid += 1;
            return None;
        }
        let unsaid = said.replace(Said { at: Instant::now(), unsaid: 0 }).map_or(0, |said| said.unsaid);
        Some(unsaid)
    }
}

impl AcceptLog {
    pub(crate) fn new(connections: &Arc<Connections>) -> Arc<Self> {
        let connections = Arc::clone(connections);
        Arc::new(Self { connections, waiting: AtomicUsize::new(0), log: Log::default() })
    }

    /// Runs `serve`, so that its listeners find this.
    pub(crate) async fn scope<F: Future>(self: Arc<Self>, serve: F) -> F::Output {
        ACCEPTING.scope(self, serve).await
    }

    /// The next connection.
    ///
    /// Where descriptors have run out and the listener keeps that to itself, as axum's do inside of another one's, it is
    /// noticed: such a listener was woken, and has nothing to give.
    pub(crate) async fn next<L: Listener>(&self, listener: &mut L) -> (L::Io, L::Addr) {
        let mut accepting = pin!(accept(listener));
        let mut polled = false;
        loop {
            let accepted = poll_fn(|cx| match accepting.as_mut().poll(cx) {
                Poll::Ready(accepted) => Poll::Ready(Some(accepted)),
                Poll::Pending
                    if polled && self.waiting.load(Ordering::Relaxed) == 0 && descriptors::are_gone() =>
                {
                    Poll::Ready(None)
                }
                Poll::Pending => {
                    polled = true;
                    Poll::Pending
                }
            });
            match accepted.await {
                Some(accepted) => return accepted,
                None => {
                    self.say(&"no file descriptor is left");
                    self.connections.make_room(PAUSE).await;
                    polled = false;
                }
            }
        }
    }

    /// Waits out an error of accept.
    async fn wait_out(&self, error: &io::Error) {
        self.say(error);
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if descriptors::ran_out(error) {
            self.connections.make_room(PAUSE).await;
        } else {
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn say(&self, error: &dyn std::fmt::Display) {
        if let Some(unsaid) = self.log.due() {
            let connections = self.connections.len();
            tracing::error!(%error, connections, unsaid, "no connection can be accepted");
        }
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// As `listener.accept()`, but an error of tokio's listeners makes room for the connection.
///
/// # Cancel safety
/// That of the listener.
pub(crate) async fn accept<L: Listener>(listener: &mut L) -> (L::Io, L::Addr) {
    let any: &mut (dyn Any + Send) = listener;
    if let Some(tcp) = any.downcast_mut::<TcpListener>()
        && let Some(accepted) = same(retry(|cx| tcp.poll_accept(cx)).await)
    {
        return accepted;
    }
    #[cfg(unix)]
    if let Some(unix) = any.downcast_mut::<UnixListener>()
        && let Some(accepted) = same(retry(|cx| unix.poll_accept(cx)).await)
    {
        return accepted;
    }
    listener.accept().await
}

/// The same value, of a type that is known to be the same.
fn same<T: 'static, U: 'static>(value: T) -> Option<U> {
    let mut value = Some(value);
    (&mut value as &mut dyn Any).downcast_mut::<Option<U>>()?.take()
}

async fn retry<T>(mut accept: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>) -> T {
    loop {
        match poll_fn(&mut accept).await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_one_connection(&error) => {
                tracing::debug!(%error, "a connection was gone before it was accepted");
            }
            Err(error) => match ACCEPTING.try_with(Arc::clone) {
                Ok(accepting) => accepting.wait_out(&error).await,
                // Served by something else.
                Err(_) => {
                    tracing::error!(%error, "no connection can be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_storm_of_errors_is_a_line_now_and_then() {
        let log = Log::default();
        assert_eq!(log.due(), Some(0));
        for _ in 0..9 {
            tokio::time::advance(PAUSE).await;
            assert_eq!(log.due(), None);
        }
        tokio::time::advance(PAUSE).await;
        assert_eq!(log.due(), Some(9));
        assert_eq!(log.due(), None);
        tokio::time::advance(2 * QUIET).await;
        assert_eq!(log.due(), Some(1));
    }
}
