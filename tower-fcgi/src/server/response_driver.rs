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

use super::error_log::{self, DeferredLog, LogScope};
use super::failure::{BoxError, Failure};
use super::response_writer::ResponseWriter;
use crate::cgi::{ErrorBody, ResponseBodyLength, ResponseContext, write_error, write_head};

/// Frames that are taken in one go. A body that is always ready with nothing would otherwise never let
/// anything else have its turn.
const MAX_FRAMES_PER_POLL: usize = 256;

pin_project! {
    /// The state of one request's answer.
    #[project = ExchangeProj]
    pub(crate) enum ResponseDriver<F, B> {
        /// The request is with the service, or waits for it to be ready. `held`: what it has logged.
        Calling { #[pin] future: F, call: ResponseContext, held: DeferredLog },
        /// The head is with the sink; the body follows. `left`: bytes of it that are still to come, where that
        /// is known; `first`: nothing of it has come.
        Sending { #[pin] body: B, left: Option<u64>, first: bool, asked: ErrorBody },
        /// The answer has ended, one way or the other. Also the state in which no exchange is running.
        Done,
    }
}

impl<F, B> ResponseDriver<F, B>
where
    F: Future<Output = Result<Response<B>, Failure>>,
    B: Body<Error: Into<BoxError>>,
{
    /// A request is with the service, which has logged what is held.
    pub(crate) const fn new(future: F, call: ResponseContext, held: DeferredLog) -> Self {
        Self::Calling { future, call, held }
    }

    pub(crate) const fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// How much of the answer has been given to the sink.
    pub(crate) const fn progress(&self) -> ResponseProgress {
        match self {
            Self::Calling { call, .. } => ResponseProgress::NotStarted(call.error_body()),
            Self::Sending { asked, .. } => ResponseProgress::HeadSent(*asked),
            Self::Done => ResponseProgress::HeadSent(ErrorBody::Unknown),
        }
    }

    /// Whether all of a known length is out, so that nothing but the end is to come: that needs no room, and
    /// is to leave with the last of the body.
    const fn awaits_its_end(&self) -> bool {
        matches!(self, Self::Sending { left: Some(0), .. })
    }

    /// Goes on until the answer has ended (`Ready`), or something is waited for, or the sink is full
    /// (`Pending`; call again once it is not: nobody is woken for that).
    pub(crate) fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        sink: &mut impl ResponseWriter,
    ) -> Poll<()> {
        for _ in 0..MAX_FRAMES_PER_POLL {
            if self.is_done() {
                return Poll::Ready(());
            }
            if sink.is_full() && !self.awaits_its_end() {
                return Poll::Pending;
            }
            let scope = LogScope::enter();
            let stepped = catch_panic(|| self.as_mut().step(cx, sink));
            if error_log::is_written() {
                self.as_mut().collect(sink);
            }
            scope.leave();
            let stepped = match stepped {
                Ok(stepped) => ready!(stepped),
                Err(panic) => Err(panic),
            };
            if let Err(failure) = stepped {
                let asked = self.progress().error_body();
                let held = self.as_mut().take_held();
                self.as_mut().discard(sink);
                complete(&failure, asked, held, sink);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Gives the exchange up: the handler or the body is dropped. A panic in the drop says so on STDERR, and
    /// that is all.
    pub(crate) fn discard(mut self: Pin<&mut Self>, sink: &mut impl ResponseWriter) {
        if let Err(failure) = catch_panic(|| self.as_mut().set(Self::Done)) {
            report(&failure, sink);
        }
    }

    /// Keeps what was logged until the head is out.
    #[cold]
    fn collect(self: Pin<&mut Self>, sink: &mut impl ResponseWriter) {
        match self.project() {
            ExchangeProj::Calling { held, .. } => held.collect(),
            ExchangeProj::Sending { .. } | ExchangeProj::Done => error_log::pour(sink),
        }
    }

    fn take_held(self: Pin<&mut Self>) -> DeferredLog {
        match self.project() {
            ExchangeProj::Calling { held, .. } => mem::take(held),
            ExchangeProj::Sending { .. } | ExchangeProj::Done => DeferredLog::default(),
        }
    }

    fn step(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        sink: &mut impl ResponseWriter,
    ) -> Poll<Result<(), Failure>> {
        match self.as_mut().project() {
            ExchangeProj::Calling { future, call, .. } => {
                let call = *call;
                let response = ready!(future.poll(cx));
                Poll::Ready(response.and_then(|response| self.send_head(response, call, sink)))
            }
            ExchangeProj::Sending { body, left, first, .. } => {
                match Self::send_frame(body, left, first, cx, sink) {
                    Poll::Ready(Ok(true)) => {
                        self.finish(sink);
                        Poll::Ready(Ok(()))
                    }
                    other => other.map_ok(drop),
                }
            }
            ExchangeProj::Done => Poll::Ready(Ok(())),
        }
    }

    /// The response is there: its head, and what can be told of its body at once.
    fn send_head(
        mut self: Pin<&mut Self>,
        response: Response<B>,
        call: ResponseContext,
        sink: &mut impl ResponseWriter,
    ) -> Result<(), Failure> {
        let (parts, body) = response.into_parts();
        let hint = body.size_hint();
        // What a sink does not want, nobody waits for.
        let mut framing = Ok(ResponseBodyLength::NoBody);
        sink.stdout_with(|out| framing = write_head(&parts, &hint, call, out));
        let (left, ends) = match framing? {
            ResponseBodyLength::Body { length } => (length, is_complete(&body, length)),
            ResponseBodyLength::NoBody => (None, true),
        };
        self.as_mut().take_held().pour(sink);
        // Also where there is nothing to be sent: should a drop panic, the state says that the head is out.
        self.as_mut().set(Self::Sending { body, left, first: true, asked: call.error_body() });
        if ends {
            self.finish(sink);
        }
        Ok(())
    }

    /// One frame of the body. `true`: it was the last.
    fn send_frame(
        mut body: Pin<&mut B>,
        left: &mut Option<u64>,
        first: &mut bool,
        cx: &mut Context<'_>,
        sink: &mut impl ResponseWriter,
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
                sink.split_record();
            }
            sink.stdout_bytes(data.copy_to_bytes(len));
        }
        Poll::Ready(Ok(last))
    }

    /// The answer is whole. The body is dropped first: should that panic, the answer is none the less whole.
    fn finish(self: Pin<&mut Self>, sink: &mut impl ResponseWriter) {
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
pub(crate) enum ResponseProgress {
    NotStarted(ErrorBody),
    /// The head, and perhaps some of the body.
    HeadSent(ErrorBody),
}

impl ResponseProgress {
    /// What an error may be answered with.
    pub(crate) const fn error_body(self) -> ErrorBody {
        match self {
            Self::NotStarted(asked) | Self::HeadSent(asked) => asked,
        }
    }
}

/// The one place that decides what becomes of an answer that failed: a whole error where nothing of it was
/// written, else an answer that does not look whole. The reason goes to STDERR, never to the client.
pub(crate) fn complete(
    failure: &Failure,
    asked: ErrorBody,
    mut held: DeferredLog,
    sink: &mut impl ResponseWriter,
) {
    // The reason comes second: nginx reads what comes before a head into the head's own buffer. A text of some
    // 4 KiB there costs the error page, or holds it up until nginx's time-out.
    sink.abort(|out| write_error(failure.status(), asked, out));
    held.pour(sink);
    report(failure, sink);
    sink.end();
}

fn report(failure: &Failure, sink: &mut impl ResponseWriter) {
    if failure.is_client_error() {
        // Not to STDERR, which web servers log as errors: a client could fill that log.
        tracing::debug!(%failure, "a request was refused");
        return;
    }
    tracing::error!(%failure, "a request failed");
    sink.stderr(failure.to_string().as_bytes());
}

/// Runs a piece of the application's code; a panic in it is a failure of this request alone.
pub(crate) fn catch_panic<T>(code: impl FnOnce() -> T) -> Result<T, Failure> {
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
    use crate::server::response_writer::BufferedWriter;

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
        let call = ResponseContext { role: Role::RESPONDER, head_only: false };
        let mut exchange = pin!(ResponseDriver::new(response, call, DeferredLog::default()));
        let woken = Arc::new(Woken::default());
        let waker = Arc::clone(&woken).into();
        let polled = exchange.as_mut().poll(&mut Context::from_waker(&waker), &mut BufferedWriter::default());
        assert!(polled.is_pending());
        assert!(woken.0.load(Ordering::Relaxed));
    }
}
