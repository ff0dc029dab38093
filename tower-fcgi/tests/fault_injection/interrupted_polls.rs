//! Handlers and bodies to which something happens at one of their polls.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// An event at a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Poke {
    Panic,
    /// The handler or body is never ready again.
    Hang,
    /// The web server aborts all requests.
    Abort,
    /// The connection is aborted by its handle.
    Kill,
    /// The connection is shut down gracefully.
    Finish,
    /// The connection's future is dropped.
    Drop,
}

impl Poke {
    pub(crate) const ALL: [Self; 6] =
        [Self::Panic, Self::Hang, Self::Abort, Self::Kill, Self::Finish, Self::Drop];
}

/// Counts the polls of all handlers and bodies of a connection, and the handlers and bodies that exist.
#[derive(Clone)]
pub(crate) struct Polls {
    shared: Arc<Shared>,
}

struct Shared {
    polls: AtomicUsize,
    alive: AtomicUsize,
    poke: Option<(usize, Poke)>,
    /// Does the part of a poke that the handler cannot do itself.
    act: Box<dyn Fn(Poke) + Send + Sync>,
}

impl Polls {
    pub(crate) fn new(poke: Option<(usize, Poke)>, act: impl Fn(Poke) + Send + Sync + 'static) -> Self {
        let (polls, alive) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { shared: Arc::new(Shared { polls, alive, poke, act: Box::new(act) }) }
    }

    /// The number of polls so far.
    pub(crate) fn count(&self) -> usize {
        self.shared.polls.load(Ordering::SeqCst)
    }

    /// The number of live handlers and bodies.
    pub(crate) fn alive(&self) -> usize {
        self.shared.alive.load(Ordering::SeqCst)
    }

    pub(crate) fn watch<T>(&self, inner: T) -> Poked<T> {
        self.shared.alive.fetch_add(1, Ordering::SeqCst);
        Poked { inner: Box::pin(inner), hangs: false, polls: self.clone() }
    }
}

/// Wraps a handler or a body.
pub(crate) struct Poked<T> {
    inner: Pin<Box<T>>,
    hangs: bool,
    polls: Polls,
}

impl<T> Poked<T> {
    fn poke(&mut self) -> Poll<()> {
        let now = self.polls.shared.polls.fetch_add(1, Ordering::SeqCst);
        match self.polls.shared.poke {
            Some((at, Poke::Panic)) if at == now => panic!("poll {at} has a bug"),
            Some((at, Poke::Hang)) if at == now => self.hangs = true,
            Some((at, poke)) if at == now => (self.polls.shared.act)(poke),
            _ => {}
        }
        if self.hangs { Poll::Pending } else { Poll::Ready(()) }
    }
}

impl<T> Drop for Poked<T> {
    fn drop(&mut self) {
        self.polls.shared.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

impl<F: Future<Output = Response<Frames>>> Future for Poked<F> {
    type Output = Result<Response<Poked<Frames>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(self.poke());
        let response = ready!(self.inner.as_mut().poll(cx));
        Poll::Ready(Ok(response.map(|body| self.polls.watch(body))))
    }
}

impl Body for Poked<Frames> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        ready!(self.poke());
        self.inner.as_mut().poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A body of frames, before each of which it waits if there are several.
pub(crate) struct Frames {
    frames: VecDeque<Bytes>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Frames {
    pub(crate) fn new(frames: impl IntoIterator<Item = Bytes>) -> Self {
        Self { frames: frames.into_iter().collect(), sleep: None }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.frames.len() > 1 {
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(Duration::from_millis(1))));
            ready!(sleep.as_mut().poll(cx));
            self.sleep = None;
        }
        Poll::Ready(self.frames.pop_front().map(|frame| Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty()
    }

    /// Exact for one frame, as of most bodies.
    fn size_hint(&self) -> SizeHint {
        match self.frames.len() {
            0 | 1 => SizeHint::with_exact(self.frames.iter().map(|frame| frame.len() as u64).sum()),
            _ => SizeHint::default(),
        }
    }
}
