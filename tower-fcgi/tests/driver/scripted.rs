//! A scripted response body, and a future that panics when it is dropped.

use std::any::Any;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Once;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use crate::handlers::{BoxError, Gate};

/// One step of a body.
pub(crate) enum Step {
    Data(Bytes),
    Trailers,
    Error,
    Panic,
    /// Waits until the test opens the gate.
    Wait(Gate),
    /// Waits forever.
    Hang,
}

/// A frame of this text.
pub(crate) fn data(text: impl Into<Bytes>) -> Step {
    Step::Data(text.into())
}

/// A body that takes its steps, then ends.
pub(crate) struct Scripted {
    steps: VecDeque<Step>,
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    exact: Option<u64>,
    /// After the steps: endless frames, always ready.
    endless: Option<Box<dyn FnMut() -> Bytes + Send>>,
    /// Dropped with the body.
    kept: Option<Box<dyn Any + Send>>,
    panics_when_dropped: bool,
}

impl Scripted {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        let steps = steps.into_iter().collect();
        Self { steps, waiting: None, exact: None, endless: None, kept: None, panics_when_dropped: false }
    }

    /// Claims this length, whether it is true or not.
    pub(crate) fn exact(mut self, length: u64) -> Self {
        self.exact = Some(length);
        self
    }

    pub(crate) fn endless(frames: impl FnMut() -> Bytes + Send + 'static) -> Self {
        let mut scripted = Self::new([]);
        scripted.endless = Some(Box::new(frames));
        scripted
    }

    /// Keeps something alive until it is dropped.
    pub(crate) fn keep(mut self, kept: impl Any + Send) -> Self {
        self.kept = Some(Box::new(kept));
        self
    }

    pub(crate) fn panics_when_dropped(mut self) -> Self {
        self.panics_when_dropped = true;
        self
    }
}

impl Body for Scripted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                ready!(waiting.as_mut().poll(cx));
                self.waiting = None;
            }
            return Poll::Ready(match self.steps.pop_front() {
                None => self.endless.as_mut().map(|frames| Ok(Frame::data(frames()))),
                Some(Step::Data(bytes)) => Some(Ok(Frame::data(bytes))),
                Some(Step::Trailers) => {
                    let trailers = HeaderMap::from_iter([("x-sum".parse().unwrap(), "1".parse().unwrap())]);
                    Some(Ok(Frame::trailers(trailers)))
                }
                Some(Step::Error) => Some(Err("the disk is on fire".into())),
                Some(Step::Panic) => panic!("the body has a bug"),
                Some(Step::Wait(gate)) => {
                    self.waiting = Some(Box::pin(async move { gate.pass().await }));
                    continue;
                }
                Some(Step::Hang) => {
                    self.waiting = Some(Box::pin(std::future::pending()));
                    continue;
                }
            });
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty() && self.waiting.is_none() && self.endless.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.exact.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        if self.panics_when_dropped && !std::thread::panicking() {
            panic!("a body's drop has a bug");
        }
    }
}

/// Silences the panic hook for tests that panic on purpose: messages that end with "has a bug", and payloads that are not
/// strings, are not printed.
pub(crate) fn quietly() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let payload = info.payload();
            let text = payload.downcast_ref::<&str>().copied();
            let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
            if text.is_some_and(|text| !text.trim_end().ends_with("has a bug")) {
                hook(info);
            }
        }));
    });
}

/// Panics on drop.
pub(crate) struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("a drop has a bug");
        }
    }
}

/// Panics when it is dropped, even after its end, when an `async` block is empty.
pub(crate) struct DropsBadly<F> {
    pub(crate) future: Pin<Box<F>>,
    pub(crate) _bad: PanicsWhenDropped,
}

impl<F: Future> Future for DropsBadly<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.future.as_mut().poll(cx)
    }
}
