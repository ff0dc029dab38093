//! Shuts down or aborts an HTTP connection from elsewhere.

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A handle on an HTTP connection for upgrades, as tower-fcgi's `ConnectionHandle` is on a FastCGI connection. Clones share the
/// connection.
#[derive(Debug, Clone)]
pub(crate) struct HttpHandle {
    peer: Arc<str>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    order: Order,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// The task that serves the connection.
    task: Option<Waker>,
}

/// hyper's connection is in the first two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    #[default]
    AwaitingRequest,
    /// From the first byte of its head on.
    Request,
    Upgraded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Order {
    #[default]
    Run,
    Shutdown,
    Abort,
}

/// How long a reader that finds no bytes waits for some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadWait {
    Unlimited,
    /// A shutdown was ordered before the first request arrived.
    FirstRequest,
    /// A shutdown ends the client's direction.
    Ended,
}

impl HttpHandle {
    /// The handle on a connection from this web server.
    pub(crate) fn new(peer: Arc<str>) -> Self {
        Self { peer, state: Arc::default() }
    }

    /// The web server, for the log.
    pub(super) fn peer_name(&self) -> &str {
        &self.peer
    }

    /// Bytes were read. If they are the first, they begin a request: a shutdown waits for its response.
    pub(crate) fn received(&self) {
        let mut state = self.state();
        if state.phase == Phase::AwaitingRequest {
            state.phase = Phase::Request;
        }
    }

    /// The handler owns the stream.
    pub(crate) fn upgraded(&self) {
        let mut state = self.state();
        state.phase = Phase::Upgraded;
        // If a shutdown was ordered, the reader ends.
        state.wake();
    }

    pub(crate) fn is_upgraded(&self) -> bool {
        self.state().phase == Phase::Upgraded
    }

    pub(super) fn graceful_shutdown(&self) {
        self.order(Order::Shutdown);
    }

    pub(super) fn abort(&self) {
        self.order(Order::Abort);
    }

    fn order(&self, order: Order) {
        let mut state = self.state();
        state.order = state.order.max(order);
        state.wake();
    }

    /// # Errors
    /// If the connection was aborted.
    pub(crate) fn check_aborted(&self) -> io::Result<()> {
        self.state().check_aborted()
    }

    /// Registers a reader for a shutdown or an abort.
    ///
    /// # Errors
    /// If the connection was aborted.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> io::Result<ReadWait> {
        let mut state = self.state();
        state.check_aborted()?;
        state.reader = Some(cx.waker().clone());
        Ok(match (state.order, state.phase) {
            (Order::Shutdown, Phase::AwaitingRequest) => ReadWait::FirstRequest,
            (Order::Shutdown, Phase::Upgraded) => ReadWait::Ended,
            _ => ReadWait::Unlimited,
        })
    }

    /// Registers a writer for an abort.
    ///
    /// # Errors
    /// If the connection was aborted.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut state = self.state();
        state.check_aborted()?;
        state.writer = Some(cx.waker().clone());
        Ok(())
    }

    /// Waits for an abort.
    pub(crate) async fn aborted(&self) {
        poll_fn(|cx| {
            let mut state = self.state();
            if state.order == Order::Abort {
                return Poll::Ready(());
            }
            state.task = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check_aborted(&self) -> io::Result<()> {
        match self.order {
            Order::Run | Order::Shutdown => Ok(()),
            Order::Abort => {
                Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the connection was aborted"))
            }
        }
    }

    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take(), self.task.take()].into_iter().flatten() {
            waker.wake();
        }
    }
}
