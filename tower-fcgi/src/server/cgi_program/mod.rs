//! Serves the request of a CGI program (RFC 3875): from the environment and the standard streams.

mod stdin;
mod stdout;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use fcgi_core::Role;
use http::{Request, Response};
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite};
use tower_service::Service;
use tracing::Instrument as _;

use self::stdin::Stdin;
use self::stdout::StdoutWriter;
use super::config::Config;
use super::error::Error;
use super::error_log::DeferredLog;
use super::failure::{BoxError, Failure};
use super::handle::ConnectionHandle;
use super::oneshot::{Oneshot, ServiceCall};
use super::params::Params;
use super::response_driver::{ResponseDriver, complete};
use super::response_writer::ResponseWriter as _;
use super::stderr::Stderr;
use super::upgrade::{self, Support, WebSocketWarning};
use crate::body::{BodyErrorKind, InputChannel, RequestBody};
use crate::cgi::{
    ErrorBody, OwnProgram, ResponseContext, TargetContext, TargetSettings, announces_no_body, read_head,
};

/// The standard streams of a CGI program: these three, so it is built by a literal.
#[derive(Debug)]
pub struct CgiStdio<I, O, E> {
    /// The request's body: CONTENT_LENGTH bytes (RFC 3875 §4.2). Any further bytes are not read.
    pub stdin: I,
    /// Receives the response.
    pub stdout: O,
    /// Receives error text, which most web servers write to their error log.
    pub stderr: E,
}

/// Serves the one request of a CGI program (RFC 3875), from its [environment](Params::from_vars) and stdin.
///
/// The request, the response and all failures are mapped as over FastCGI, so that the same `service` works with both.
/// [`Params`] are the whole environment, including PATH and the like.
///
/// # The body
/// The body has CONTENT_LENGTH bytes of stdin, whose end is not awaited (RFC 3875 §4.2). If stdin ends earlier, the body
/// returns a [`BodyError`](crate::BodyError). Without a valid CONTENT_LENGTH the request has no body, with one exception: if
/// HTTP_TRANSFER_ENCODING is set, as Apache does for a chunked body, the body extends to the end of stdin.
///
/// # Output
/// `Ok` when a complete response was written and flushed, even an error page. The program should exit then: the rest of an
/// unread body is not read.
///
/// # Settings
/// Of `config`, [`request_target`](Config::with_request_target) and [`front_controllers`](Config::with_front_controllers)
/// apply. Its limits and timeouts do not: a web server has its own for the programs that it starts.
///
/// # Readiness
/// `service` is polled for readiness after the head of the request was checked, so that a rejected request does not wait for
/// it. It need not be `Clone`, since there is one request. An error of `poll_ready` becomes a 503. Only the web server's own
/// timeout ends the wait for a service that never becomes ready.
///
/// # Errors
/// - If stdout fails, as it does when the web server has closed it. The handler is dropped.
/// - If the response cannot be completed after a part of it was written
///   ([`ErrorKind::IncompleteResponse`](crate::ErrorKind::IncompleteResponse)). Nothing more is written, so that the web server
///   can notice.
///
/// Report either with the exit status.
///
/// # Cancel safety
/// Dropping the future drops the handler. A partly written response stays incomplete.
///
/// # Examples
/// ```
/// use std::convert::Infallible;
/// use http::{Request, Response};
/// use tower_fcgi::{CgiStdio, Config, Params, RequestBody, serve_cgi};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower_fcgi::Error> {
/// let hello = tower::service_fn(async |request: Request<RequestBody>| {
///     Ok::<_, Infallible>(Response::new(format!("Hello, {}!", request.uri())))
/// });
/// let params: Params = [("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/x")].into_iter().collect();
/// let mut response = Vec::new();
/// let io = CgiStdio { stdin: tokio::io::empty(), stdout: &mut response, stderr: tokio::io::sink() };
/// serve_cgi(params, io, Config::default(), hello).await?;
/// assert_eq!(response, b"Status: 200 OK\r\ncontent-length: 10\r\n\r\nHello, /x!");
/// # Ok(())
/// # }
/// ```
pub async fn serve_cgi<I, O, E, S, B>(
    params: Params,
    io: CgiStdio<I, O, E>,
    config: Config,
    service: S,
) -> Result<(), Error>
where
    I: AsyncRead + Unpin,
    O: AsyncWrite + Unpin,
    E: AsyncWrite + Unpin,
    S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>>,
    B: Body<Error: Into<BoxError>>,
{
    let mut program = Program {
        stdin: Stdin::new(io.stdin),
        output: StdoutWriter::new(io.stdout, io.stderr, params.summary()),
        handle: ConnectionHandle::new(),
    };
    let called = program.call(&params, &config.driver.target, service);
    let span = called.span;
    let mut response = pin!(called.response);
    poll_fn(|cx| program.poll(response.as_mut(), cx)).instrument(span).await
}

/// A request that the service was called with, or that was rejected.
struct CalledService<F, B> {
    response: ResponseDriver<F, B>,
    span: tracing::Span,
}

/// A CGI program without the driver of its response.
struct Program<I, O, E> {
    stdin: Stdin<I>,
    output: StdoutWriter<O, E>,
    handle: ConnectionHandle,
}

/// The most iterations of one poll; then tasks that the handler has started can run.
const MAX_POLL_ITERATIONS: usize = 32;

impl<I, O, E> Program<I, O, E>
where
    I: AsyncRead + Unpin,
    O: AsyncWrite + Unpin,
    E: AsyncWrite + Unpin,
{
    /// Checks the request, and calls the service only if it is valid.
    fn call<S, B>(
        &mut self,
        params: &Params,
        settings: &TargetSettings,
        service: S,
    ) -> CalledService<Oneshot<S>, B>
    where
        S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>>,
        B: Body<Error: Into<BoxError>>,
    {
        let mut call = Request::new(RequestBody::empty());
        let summary = params.summary();
        let target =
            TargetContext { settings, program: OwnProgram::Cgi, role: Role::RESPONDER, log: &summary };
        let info = match read_head(params, target, &mut call) {
            Ok(info) => info,
            Err(error) => return self.reject(&error.into(), ErrorBody::None),
        };
        let context = ResponseContext::new(Role::RESPONDER, call.method());
        let span = tracing::debug_span!("request", method = %call.method(), uri = %call.uri());
        // RFC 3875 §4.1.2: without a length there is no body. But Apache forwards a chunked body without CONTENT_LENGTH.
        let is_chunked = info.content_length.is_none() && params.get("HTTP_TRANSFER_ENCODING").is_some();
        let length = if is_chunked { None } else { info.content_length };
        let mut upgrade = None;
        let is_empty = length.map_or_else(|| announces_no_body(params), |length| length == 0);
        if !is_chunked && is_empty && info.asks_for_upgrade {
            let software = params.get("SERVER_SOFTWARE");
            let warning = WebSocketWarning::new(call.headers(), software, &summary);
            let (offer, input, output) = upgrade::offer(Support::of(software), warning);
            call.extensions_mut().insert(offer);
            self.stdin.begin_upgrade(input);
            upgrade = Some(output);
        } else if is_chunked || length.is_some_and(|length| length > 0) {
            let channel = Arc::new(InputChannel::default());
            *call.body_mut() = RequestBody::streaming(Arc::clone(&channel), length.into());
            self.stdin.begin(channel, length.unwrap_or(u64::MAX));
        }
        let pairs = fcgi_core::Params::clone(params);
        let stderr = Stderr::of_program(&self.handle);
        call.extensions_mut().insert(Params::new(pairs, context.role, info.client, stderr));
        let response = ResponseDriver::new(Oneshot::new(service, call, None), context, upgrade);
        CalledService { response, span }
    }

    fn reject<F, B>(&mut self, failure: &Failure, error_body: ErrorBody) -> CalledService<F, B> {
        complete(failure, error_body, DeferredLog::default(), &mut self.output);
        CalledService { response: ResponseDriver::Done, span: tracing::Span::none() }
    }

    fn poll<F, B>(
        &mut self,
        mut response: Pin<&mut ResponseDriver<F, B>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>>
    where
        F: ServiceCall<Output = Result<Response<B>, Failure>>,
        B: Body<Error: Into<BoxError>>,
    {
        self.handle.register_waker(cx.waker());
        for _ in 0..MAX_POLL_ITERATIONS {
            let was_full = self.output.is_full();
            let written = match self.output.poll_write(cx) {
                Ok(written) => written,
                Err(error) => {
                    // The web server is gone.
                    self.stdin.end(BodyErrorKind::Disconnected);
                    response.discard(&mut self.output);
                    return Poll::Ready(Err(Error::io(error)));
                }
            };
            self.stdin.poll_read(!self.output.is_empty(), cx);
            if response.as_mut().poll(cx, &mut self.output).is_ready() {
                self.stdin.end(BodyErrorKind::RequestEnded);
            }
            while !self.output.is_full()
                && let Some(line) = self.handle.stderr().take()
            {
                self.output.stderr_text(line);
            }
            if written.is_ready() && response.is_done() && self.output.is_empty() {
                return Poll::Ready(self.output.result());
            }
            let has_room = was_full && !self.output.is_full();
            if !has_room && !self.output.has_new() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<I, O, E> Drop for Program<I, O, E> {
    /// Fails the body and closes STDERR: tasks of the handler must not wait forever, however the program ends.
    fn drop(&mut self) {
        self.stdin.end(BodyErrorKind::Disconnected);
        self.handle.stderr().close();
        self.handle.clear_waker();
    }
}
