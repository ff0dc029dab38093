//! Drives the response to one request: the handler, the head, the body, the end. Runs in the connection's own future or in
//! a task.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Response, StatusCode, response};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

use super::error_log::{self, DeferredLog, LogScope};
use super::failure::{BoxError, Failure};
use super::oneshot::ServiceCall;
use super::request_summary::request_event;
use super::response_writer::ResponseWriter;
use super::upgrade::{Support, UpgradeOutput};
use super::warning::Warning;
use crate::cgi::{
    ErrorBody, ResponseBodyLength, ResponseBodySize, ResponseContext, trim_ows, write_error, write_head,
    write_upgrade_head,
};
use crate::panic;
use crate::stats::RequestState;

/// The most frames of one poll. A body that is always ready with empty frames would otherwise block everything else.
const MAX_FRAMES_PER_POLL: usize = 256;

pin_project! {
    /// Drives one response.
    #[project = ResponseDriverProj]
    pub(crate) enum ResponseDriver<F, B> {
        /// The handler runs, or the request waits for the service to be ready. `log`: the lines logged so far. `upgrade`: the
        /// request is upgradable.
        Handler {
            #[pin]
            future: F,
            context: ResponseContext,
            log: DeferredLog,
            upgrade: Option<UpgradeOutput>,
        },
        /// The handler responded with a 101 to an upgradable request. The head is written in the next poll, or after `wait`.
        /// `upgrade` is taken by the next state.
        Switching {
            wait: Option<Pin<Box<Sleep>>>,
            parts: Box<response::Parts>,
            upgrade: Option<UpgradeOutput>,
            log: DeferredLog,
            error_body: ErrorBody,
        },
        /// The head of a 101 was written, and the application's bytes follow.
        Upgraded { upgrade: UpgradeOutput },
        /// The head was written, and the body follows. `left`: the remaining bytes of the body, if known; `first`: whether
        /// the next frame is the first one.
        Body { #[pin] body: B, left: Option<u64>, first: bool, error_body: ErrorBody },
        /// The response has ended, complete or not.
        Done,
    }
}

impl<F, B> ResponseDriver<F, B>
where
    F: ServiceCall<Output = Result<Response<B>, Failure>>,
    B: Body<Error: Into<BoxError>>,
{
    /// The response of a handler. `upgrade`: the request is upgradable.
    pub(crate) fn new(future: F, context: ResponseContext, upgrade: Option<UpgradeOutput>) -> Self {
        Self::Handler { future, context, log: DeferredLog::default(), upgrade }
    }

    pub(crate) const fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// The state of the request, for the list of them.
    pub(crate) fn request_state(&self) -> RequestState {
        match self {
            Self::Handler { future, .. } if future.is_waiting() => RequestState::Waiting,
            Self::Handler { .. } | Self::Switching { .. } => RequestState::Handler,
            Self::Body { .. } | Self::Done => RequestState::Response,
            Self::Upgraded { .. } => RequestState::Upgraded,
        }
    }

    /// How much of the response was given to the writer.
    pub(crate) const fn progress(&self) -> ResponseProgress {
        match self {
            Self::Handler { context, .. } => ResponseProgress::NotStarted(context.error_body()),
            Self::Body { error_body, .. } => ResponseProgress::HeadSent(*error_body),
            Self::Switching { error_body, .. } => ResponseProgress::NotStarted(*error_body),
            Self::Upgraded { .. } | Self::Done => ResponseProgress::HeadSent(ErrorBody::None),
        }
    }

    /// Whether all bytes of a known length were written, so that only the end follows, whatever the body does. The end needs
    /// no room in the output, and should be sent with the last bytes.
    const fn awaits_its_end(&self) -> bool {
        matches!(self, Self::Body { left: Some(0), .. })
    }

    /// Polls the handler, then the body. `Ready`: the response has ended. `Pending`: the waker is registered, or the
    /// writer is full; poll again when it is not.
    pub(crate) fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        writer: &mut impl ResponseWriter,
    ) -> Poll<()> {
        for _ in 0..MAX_FRAMES_PER_POLL {
            if self.is_done() {
                return Poll::Ready(());
            }
            if writer.is_full() && !self.awaits_its_end() {
                return Poll::Pending;
            }
            let scope = LogScope::enter();
            let stepped = catch_panic(|| self.as_mut().step(cx, writer));
            if error_log::is_written() {
                self.as_mut().collect_log(writer);
            }
            scope.leave();
            let stepped = match stepped {
                Ok(stepped) => ready!(stepped),
                Err(panic) => Err(panic),
            };
            if let Err(failure) = stepped {
                if self.awaits_its_end() {
                    // As in hyper: the client gets all that was promised.
                    report(&failure, writer);
                    self.as_mut().finish(writer);
                    continue;
                }
                let error_body = self.progress().error_body();
                let log = self.as_mut().take_log();
                self.as_mut().discard(writer);
                complete(&failure, error_body, log, writer);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Drops the handler or the body. If the drop panics, this is only reported on STDERR.
    pub(crate) fn discard(mut self: Pin<&mut Self>, writer: &mut impl ResponseWriter) {
        if let Err(failure) = catch_panic(|| self.as_mut().set(Self::Done)) {
            report(&failure, writer);
        }
    }

    /// Keeps the logged lines until the head is written.
    #[cold]
    fn collect_log(self: Pin<&mut Self>, writer: &mut impl ResponseWriter) {
        match self.project() {
            ResponseDriverProj::Handler { log, .. } | ResponseDriverProj::Switching { log, .. } => {
                log.collect()
            }
            _ => error_log::flush_to(writer),
        }
    }

    fn take_log(self: Pin<&mut Self>) -> DeferredLog {
        match self.project() {
            ResponseDriverProj::Handler { log, .. } | ResponseDriverProj::Switching { log, .. } => {
                mem::take(log)
            }
            _ => DeferredLog::default(),
        }
    }

    fn step(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        writer: &mut impl ResponseWriter,
    ) -> Poll<Result<(), Failure>> {
        match self.as_mut().project() {
            ResponseDriverProj::Handler { mut future, context, upgrade, log } => {
                let context = *context;
                let polled = future.as_mut().poll(cx);
                if let Some(waited) = future.take_wait() {
                    writer.waited(waited);
                }
                let response = ready!(polled)?;
                if response.status() == StatusCode::SWITCHING_PROTOCOLS
                    && let Some(upgrade) = upgrade.take_if(|upgrade| upgrade.is_held())
                {
                    let (parts, log) = (Box::new(response.into_parts().0), mem::take(log));
                    let error_body = context.error_body();
                    let wait = match upgrade.support() {
                        Support::Certain => None,
                        Support::Unknown => Some(Box::pin(sleep(Support::GRACE))),
                    };
                    self.set(Self::Switching { wait, parts, upgrade: Some(upgrade), log, error_body });
                    // The connection reads before the next poll: if STDIN has ended, the web server does not carry upgrades.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                if response.status() == StatusCode::SWITCHING_PROTOCOLS && upgrade.is_some() {
                    return Poll::Ready(Err(Failure::Head(
                        "its status is 101, but the handler has dropped OnUpgrade",
                    )));
                }
                self.as_mut().send_head(response, context, writer)?;
                if writer.is_full() && !self.awaits_its_end() {
                    return Poll::Ready(Ok(()));
                }
                // Usually the first frame is ready, too.
                self.send_body(cx, writer)
            }
            ResponseDriverProj::Switching { wait, upgrade, .. } => {
                let is_refused = upgrade.as_ref().is_none_or(|upgrade| upgrade.is_refused());
                if let Some(wait) = wait
                    && !is_refused
                {
                    ready!(wait.as_mut().poll(cx));
                }
                Poll::Ready(self.switch(writer))
            }
            ResponseDriverProj::Upgraded { upgrade } => {
                match ready!(upgrade.poll_output(cx)) {
                    Some(bytes) => writer.stdout_bytes(bytes),
                    None => self.finish(writer),
                }
                Poll::Ready(Ok(()))
            }
            ResponseDriverProj::Body { .. } => self.send_body(cx, writer),
            ResponseDriverProj::Done => Poll::Ready(Ok(())),
        }
    }

    /// Writes one frame of the body, and the end after the last one.
    #[inline]
    fn send_body(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        writer: &mut impl ResponseWriter,
    ) -> Poll<Result<(), Failure>> {
        let ResponseDriverProj::Body { body, left, first, .. } = self.as_mut().project() else {
            return Poll::Ready(Ok(()));
        };
        if ready!(Self::send_frame(body, left, first, cx, writer))? {
            self.finish(writer);
        }
        Poll::Ready(Ok(()))
    }

    /// Writes the head of a 101, unless the upgrade was refused meanwhile.
    #[cold]
    fn switch(mut self: Pin<&mut Self>, writer: &mut impl ResponseWriter) -> Result<(), Failure> {
        let ResponseDriverProj::Switching { parts, upgrade, .. } = self.as_mut().project() else {
            return Ok(());
        };
        let Some(upgrade) = upgrade.take_if(|upgrade| !upgrade.is_refused() && writer.take_over()) else {
            return Err(Failure::UpgradeRefused);
        };
        writer.stdout_with(|out| write_upgrade_head(parts, out));
        self.as_mut().take_log().flush_to(writer);
        upgrade.accept();
        self.set(Self::Upgraded { upgrade });
        Ok(())
    }

    /// Writes the head of the handler's response, and the end if the body is empty.
    fn send_head(
        mut self: Pin<&mut Self>,
        response: Response<B>,
        context: ResponseContext,
        writer: &mut impl ResponseWriter,
    ) -> Result<(), Failure> {
        let (parts, body) = response.into_parts();
        let size = ResponseBodySize::of(&body);
        // A writer whose request is closed does not call the closure, and needs no body.
        let mut length = Ok(ResponseBodyLength::NoBody);
        writer.stdout_with(|out| length = write_head(&parts, size, context, out));
        let (left, ends) = match length? {
            ResponseBodyLength::Body { length } => (length, size == ResponseBodySize::Empty),
            ResponseBodyLength::NoBody => (None, true),
        };
        self.as_mut().take_log().flush_to(writer);
        if left == Some(0) && ends && declares_bytes(&parts.headers) {
            Warning::ContentLength.report(writer);
        }
        // Also for an empty body: if its drop panics, the state must show that the head was written.
        self.as_mut().set(Self::Body { body, left, first: true, error_body: context.error_body() });
        if ends {
            self.finish(writer);
        }
        Ok(())
    }

    /// Writes one frame of the body. Returns whether it was the last one.
    fn send_frame(
        mut body: Pin<&mut B>,
        left: &mut Option<u64>,
        first: &mut bool,
        cx: &mut Context<'_>,
        writer: &mut impl ResponseWriter,
    ) -> Poll<Result<bool, Failure>> {
        // The body may have more frames, which shows that it is too long, but the response does not wait for them.
        let ends_now = *left == Some(0);
        let frame = match body.as_mut().poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(Failure::Body(error.into()))),
            Poll::Ready(None) => return Poll::Ready(end_of_body(*left)),
            Poll::Pending if ends_now => return Poll::Ready(Ok(true)),
            Poll::Pending => return Poll::Pending,
        };
        let mut data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => {
                return Poll::Ready(match frame.into_trailers() {
                    // RFC 3875 has no trailers. They are the end of a body.
                    Ok(trailers) => {
                        let end = end_of_body(*left);
                        if end.is_ok() && !trailers.is_empty() {
                            Warning::Trailers.report(writer);
                        }
                        end
                    }
                    Err(_) => Ok(ends_now),
                });
            }
        };
        let len = data.remaining();
        let sent = left.map_or(len, |left| len.min(usize::try_from(left).unwrap_or(usize::MAX)));
        if let Some(left) = left {
            *left -= sent as u64;
        }
        // Saves the poll that would only return the end.
        let last = body.is_end_stream() && matches!(*left, None | Some(0));
        // FastCGI §3.3: an empty record would end the stream.
        if sent > 0 {
            if mem::take(first) && !last {
                writer.split_record();
            }
            writer.stdout_bytes(data.copy_to_bytes(sent));
        }
        if sent < len {
            return Poll::Ready(Err(Failure::BodyTooLong));
        }
        Poll::Ready(Ok(last || ends_now))
    }

    /// Ends a complete response. Drops the body first; if the drop panics, the response is still complete.
    fn finish(self: Pin<&mut Self>, writer: &mut impl ResponseWriter) {
        self.discard(writer);
        error_log::flush_to(writer);
        writer.end();
    }
}

/// What the end of a body means for a response that still expects `left` bytes.
const fn end_of_body(left: Option<u64>) -> Result<bool, Failure> {
    match left {
        None | Some(0) => Ok(true),
        Some(missing) => Err(Failure::BodyTooShort { missing }),
    }
}

/// Whether a Content-Length promises a body.
fn declares_bytes(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_LENGTH).iter().any(|length| trim_ows(length.as_bytes()) != b"0")
}

/// How much of a response was given to the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseProgress {
    /// Nothing.
    NotStarted(ErrorBody),
    /// The head, and possibly some of the body.
    HeadSent(ErrorBody),
}

impl ResponseProgress {
    /// The body that an error response may have.
    pub(crate) const fn error_body(self) -> ErrorBody {
        match self {
            Self::NotStarted(error_body) | Self::HeadSent(error_body) => error_body,
        }
    }
}

/// Completes a failed response: with an error response if nothing was written, else such that it does not look complete.
/// The reason is written to STDERR, never to the client. All failures end here.
pub(crate) fn complete(
    failure: &Failure,
    error_body: ErrorBody,
    mut log: DeferredLog,
    writer: &mut impl ResponseWriter,
) {
    // The reason follows the head: nginx reads what precedes a head into the head's own buffer. A text of some 4 KiB
    // there costs the error page, or delays it until nginx's timeout.
    writer.abort(|out| write_error(failure.status(), error_body, out));
    log.flush_to(writer);
    report(failure, writer);
    writer.end();
}

/// Writes the reason of a failure to STDERR and to the log.
fn report(failure: &Failure, writer: &mut impl ResponseWriter) {
    writer.failed(failure.recorded());
    if failure.is_client_error() {
        // Not on STDERR, which web servers log as errors: a client could fill that log.
        error_log::outside_request(|| request_event!(debug, &writer.summary(), %failure, "request rejected"));
        return;
    }
    error_log::outside_request(|| request_event!(error, &writer.summary(), %failure, "request failed"));
    writer.stderr(failure.to_string().as_bytes());
}

/// Runs code of the application. A panic fails only its own request.
pub(super) fn catch_panic<T>(code: impl FnOnce() -> T) -> Result<T, Failure> {
    panic::catch_panic(code).map_err(Failure::Panic)
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

    /// A body that is always ready with an empty frame.
    struct EmptyFrames;

    impl<T> ServiceCall for std::future::Ready<T> {}

    impl Body for EmptyFrames {
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
        let response = std::future::ready(Ok(Response::new(EmptyFrames)));
        let context = ResponseContext { role: Role::RESPONDER, head_only: false };
        let mut driver = pin!(ResponseDriver::new(response, context, None));
        let woken = Arc::new(Woken::default());
        let waker = Arc::clone(&woken).into();
        let summary = crate::Params::default().summary();
        let mut writer = BufferedWriter::new(&summary);
        let polled = driver.as_mut().poll(&mut Context::from_waker(&waker), &mut writer);
        assert!(polled.is_pending());
        assert!(woken.0.load(Ordering::Relaxed));
    }
}
