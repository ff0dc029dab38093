//! Shuts down or aborts an HTTP connection from elsewhere.

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A handle on an HTTP connection for upgrades, as tower-fcgi's `ConnectionHandle` is on a FastCGI connection. Clones share the
/// connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct HttpHandle(Arc<Mutex<State>>);

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

impl HttpHandle {
    /// A request has arrived, so a shutdown waits for its response.
    pub(crate) fn request_started(&self) {
        self.state().phase = Phase::Request;
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

    /// Waits until a shutdown ends the client's direction.
    ///
    /// # Errors
    /// If the connection was aborted.
    pub(crate) fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state();
        state.check_aborted()?;
        if state.order == Order::Shutdown && state.phase != Phase::Request {
            return Poll::Ready(Ok(()));
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
