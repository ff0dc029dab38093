//! One request and its answer: the call, the head, the frames, the end.
//!
//! The same description serves both ways of running it: in the connection's own future, and in a task of its
//! own.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::error_log::{self, Held, Scope};
use super::failure::{BoxError, Failure};
use super::response_writer::Sink;
use crate::cgi::{Asked, Call, Framing, write_error, write_head};

/// Frames that are taken in one go. A body that is always ready with nothing would otherwise never let
/// anything else have its turn.
const STEPS: usize = 256;

pin_project! {
    /// The state of one request's answer.
    #[project = ExchangeProj]
    pub(crate) enum Exchange<F, B> {
        /// The request is with the service, or waits for it to be ready. `held`: what it has logged.
        Calling { #[pin] future: F, call: Call, held: Held },
        /// The head is with the sink; the body follows. `left`: bytes of it that are still to come, where that
        /// is known; `first`: nothing of it has come.
        Sending { #[pin] body: B, left: Option<u64>, first: bool, asked: Asked },
        /// The answer has ended, one way or the other. Also the state in which no exchange is running.
        Over,
    }
}

impl<F, B> Exchange<F, B>
where
    F: Future<Output = Result<Response<B>, Failure>>,
    B: Body<Error: Into<BoxError>>,
{
    /// A request is with the service, which has logged what is held.
    pub(crate) const fn calling(future: F, call: Call, held: Held) -> Self {
        Self::Calling { future, call, held }
    }

    pub(crate) const fn is_over(&self) -> bool {
        matches!(self, Self::Over)
    }

    /// How much of the answer has been given to the sink.
    pub(crate) const fn out(&self) -> Out {
        match self {
            Self::Calling { call, .. } => Out::Nothing(call.asked()),
            Self::Sending { asked, .. } => Out::Head(*asked),
            Self::Over => Out::Head(Asked::Unknown),
        }
    }

    /// Whether all of a known length is out, so that nothing but the end is to come: that needs no room, and
    /// is to leave with the last of the body.
    const fn awaits_its_end(&self) -> bool {
        matches!(self, Self::Sending { left: Some(0), .. })
    }

    /// Goes on until the answer has ended (`Ready`), or something is waited for, or the sink is full
    /// (`Pending`; call again once it is not: nobody is woken for that).
    pub(crate) fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>, sink: &mut impl Sink) -> Poll<()> {
        for _ in 0..STEPS {
            if self.is_over() {
                return Poll::Ready(());
            }
            if sink.is_full() && !self.awaits_its_end() {
                return Poll::Pending;
            }
            let scope = Scope::enter();
            let stepped = guard(|| self.as_mut().step(cx, sink));
            if error_log::is_written() {
                self.as_mut().collect(sink);
            }
            scope.leave();
            let stepped = match stepped {
                Ok(stepped) => ready!(stepped),
                Err(panic) => Err(panic),
            };
            if let Err(failure) = stepped {
                let asked = self.out().asked();
                let held = self.as_mut().take_held();
                self.as_mut().discard(sink);
                conclude(&failure, asked, held, sink);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Gives the exchange up: the handler or the body is dropped. A panic in the drop says so on STDERR, and
    /// that is all.
    pub(crate) fn discard(mut self: Pin<&mut Self>, sink: &mut impl Sink) {
        if let Err(failure) = guard(|| self.as_mut().set(Self::Over)) {
            report(&failure, sink);
        }
    }

    /// Keeps what was logged until the head is out.
    #[cold]
    fn collect(self: Pin<&mut Self>, sink: &mut impl Sink) {
        match self.project() {
            ExchangeProj::Calling { held, .. } => held.collect(),
            ExchangeProj::Sending { .. } | ExchangeProj::Over => error_log::pour(sink),
        }
    }

    fn take_held(self: Pin<&mut Self>) -> Held {
        match self.project() {
            ExchangeProj::Calling { held, .. } => mem::take(held),
            ExchangeProj::Sending { .. } | ExchangeProj::Over => Held::default(),
        }
    }

    fn step(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        sink: &mut impl Sink,
    ) -> Poll<Result<(), Failure>> {
        match self.as_mut().project() {
            ExchangeProj::Calling { future, call, .. } => {
                let call = *call;
                let response = ready!(future.poll(cx));
                Poll::Ready(response.and_then(|response| self.begin(response, call, sink)))
            }
            ExchangeProj::Sending { body, left, first, .. } => match Self::frame(body, left, first, cx, sink)
            {
                Poll::Ready(Ok(true)) => {
                    self.finish(sink);
                    Poll::Ready(Ok(()))
                }
                other => other.map_ok(drop),
            },
            ExchangeProj::Over => Poll::Ready(Ok(())),
        }
    }

    /// The response is there: its head, and what can be told of its body at once.
    fn begin(
        mut self: Pin<&mut Self>,
        response: Response<B>,
        call: Call,
        sink: &mut impl Sink,
    ) -> Result<(), Failure> {
        let (parts, body) = response.into_parts();
        let hint = body.size_hint();
        // What a sink does not want, nobody waits for.
        let mut framing = Ok(Framing::NoBody);
        sink.stdout_with(|out| framing = write_head(&parts, &hint, call, out));
        let (left, ends) = match framing? {
            Framing::Body { length } => (length, is_complete(&body, length)),
            Framing::NoBody => (None, true),
        };
        self.as_mut().take_held().pour(sink);
        // Also where there is nothing to be sent: should a drop panic, the state says that the head is out.
        self.as_mut().set(Self::Sending { body, left, first: true, asked: call.asked() });
        if ends {
            self.finish(sink);
        }
        Ok(())
    }

    /// One frame of the body. `true`: it was the last.
    fn frame(
        mut body: Pin<&mut B>,
        left: &mut Option<u64>,
        first: &mut bool,
        cx: &mut Context<'_>,
        sink: &mut impl Sink,
    ) -> Poll<Result<bool, Failure>> {
        let Some(frame) = ready!(body.as_mut().poll_frame(cx)) else {
            return Poll::Ready(match *left {
                None | Some(0) => Ok(true),
                Some(missing) => Err(Failure::BodyTooShort { missing }),
            });
        };
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => return Poll::Ready(Err(Failure::Body(error.into()))),
        };
        // CGI has no trailers: a frame of them is dropped, and the body's end follows it.
        let Ok(mut data) = frame.into_data() else { return Poll::Ready(Ok(false)) };
        let len = data.remaining();
        if let Some(left) = left {
            let Some(rest) = left.checked_sub(u64::try_from(len).unwrap_or(u64::MAX)) else {
                // Withheld whole: up to its Content-Length the answer would look whole.
                return Poll::Ready(Err(Failure::BodyTooLong));
            };
            *left = rest;
        }
        // A body that knows its end saves the poll that would only learn of it.
        let last = body.is_end_stream() && matches!(*left, None | Some(0));
        // An empty frame writes nothing: an empty record would end the stream.
        if len > 0 {
            if mem::take(first) && !last {
                sink.seal();
            }
            sink.stdout_bytes(data.copy_to_bytes(len));
        }
        Poll::Ready(Ok(last))
    }

    /// The answer is whole. The body is dropped first: should that panic, the answer is none the less whole.
    fn finish(self: Pin<&mut Self>, sink: &mut impl Sink) {
        self.discard(sink);
        error_log::pour(sink);
        sink.end();
    }
}

/// Whether a body has nothing to give and nothing to be checked.
fn is_complete<B: Body>(body: &B, length: Option<u64>) -> bool {
    body.is_end_stream() && matches!(length, None | Some(0))
}

/// How much of an answer the sink was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Out {
    Nothing(Asked),
    /// The head, and perhaps some of the body.
    Head(Asked),
}

impl Out {
    /// What an error may be answered with.
    pub(crate) const fn asked(self) -> Asked {
        match self {
            Self::Nothing(asked) | Self::Head(asked) => asked,
        }
    }
}

/// The one place that decides what becomes of an answer that failed: a whole error where nothing of it was
/// written, else an answer that does not look whole. The reason goes to STDERR, never to the client.
pub(crate) fn conclude(failure: &Failure, asked: Asked, mut held: Held, sink: &mut impl Sink) {
    // The reason comes second: nginx reads what comes before a head into the head's own buffer. A text of some
    // 4 KiB there costs the error page, or holds it up until nginx's time-out.
    sink.fail(|out| write_error(failure.status(), asked, out));
    held.pour(sink);
    report(failure, sink);
    sink.end();
}

fn report(failure: &Failure, sink: &mut impl Sink) {
    if failure.is_peers() {
        // Not to STDERR, which web servers log as errors: a client could fill that log.
        tracing::debug!(%failure, "a request was refused");
        return;
    }
    tracing::error!(%failure, "a request failed");
    sink.stderr(failure.to_string().as_bytes());
}

/// Runs a piece of the application's code; a panic in it is a failure of this request alone.
pub(crate) fn guard<T>(code: impl FnOnce() -> T) -> Result<T, Failure> {
    // What the code has left half changed is dropped with its exchange and not looked at again.
    catch_unwind(AssertUnwindSafe(code)).map_err(|payload| {
        let failure = Failure::panic(&*payload);
        // A payload whose own drop panics must not take the connection with it.
        let _ = catch_unwind(AssertUnwindSafe(move || drop(payload)));
        failure
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Wake;

    use bytes::Bytes;
    use fcgi_core::Role;
    use http_body::Frame;

    use super::*;
    use crate::server::response_writer::Batch;

    /// Always ready, with nothing.
    struct Nothing;

    impl Body for Nothing {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(Some(Ok(Frame::data(Bytes::new()))))
        }
    }

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_body_of_endless_empty_frames_yields() {
        let response = std::future::ready(Ok(Response::new(Nothing)));
        let call = Call { role: Role::RESPONDER, to_head: false };
        let mut exchange = pin!(Exchange::calling(response, call, Held::default()));
        let woken = Arc::new(Woken::default());
        let waker = Arc::clone(&woken).into();
        let polled = exchange.as_mut().poll(&mut Context::from_waker(&waker), &mut Batch::default());
        assert!(polled.is_pending());
        assert!(woken.0.load(Ordering::Relaxed));
    }
}
