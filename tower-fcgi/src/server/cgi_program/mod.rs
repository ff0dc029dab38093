//! One request of a CGI program (RFC 3875): the environment, the standard streams, and the end of the process.

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

use self::stdin::Input;
use self::stdout::Output;
use super::config::Config;
use super::error::Error;
use super::error_log::DeferredLog;
use super::failure::{BoxError, Failure};
use super::handle::ConnectionHandle;
use super::oneshot::Oneshot;
use super::params::Params;
use super::request_target::TargetSettings;
use super::response_driver::{ResponseDriver, complete};
use super::response_writer::ResponseWriter as _;
use super::stderr::Stderr;
use crate::body::{BodyChannel, BodyErrorKind, RequestBody};
use crate::cgi::{ErrorBody, OwnProgram, ResponseContext, TargetContext, read_head};

/// The standard streams of a CGI program.
#[derive(Debug)]
pub struct CgiStdio<I, O, E> {
    /// The request's body: as many bytes as CONTENT_LENGTH says, and then nothing that could be relied on.
    pub stdin: I,
    /// Takes the response.
    pub stdout: O,
    /// Takes error text, which most web servers put into their error log.
    pub stderr: E,
}

/// Serves the one request of a CGI program (RFC 3875): the one that `params`, which are its
/// [environment](Params::from_vars), and stdin tell of.
///
/// The request, the response and all failures are mapped as over FastCGI, so that `service` is the same for both.
/// [`Params`] are the whole environment, with PATH and whatever else is in there.
///
/// # The body
/// It is as many bytes of stdin as CONTENT_LENGTH says; the end of stdin is never waited for (RFC 3875 §4.2).
/// Where that is absent or no number there is no body; only where HTTP_TRANSFER_ENCODING says that it came in chunks, as
/// Apache passes it on, it lasts until the end of stdin. An end of stdin that comes sooner is a
/// [`BodyError`](crate::BodyError).
///
/// # Output
/// `Ok` when a whole answer is out and flushed, be it an error page. The program is then to end: what is left of
/// a body that nobody wanted is not read.
///
/// Of `config`, [`request_target`](Config::with_request_target) and [`front_controllers`](Config::with_front_controllers) apply.
/// No limit and no timeout does: a web server has its own for the programs that it starts.
///
/// # Readiness
/// `service` is asked whether it is ready once the head of the request was checked, so that a rejected request does
/// not wait for it. It need not be `Clone`, since there is one request. An error of `poll_ready` is a 503; a
/// readiness that never comes is ended by the web server's own time limit.
///
/// # Errors
/// When stdout fails, as it does when the web server has closed it; the handler is dropped then. And when the
/// answer cannot be completed after a part of it is out ([`Error::is_incomplete_response`]): nothing more is written, so that
/// the web server can see that it is not whole. The program should tell of either by its exit status.
///
/// # Cancel safety
/// Dropping the future drops the handler, and leaves the answer as far as it is out.
///
/// # Examples
/// ```
/// use std::convert::Infallible;
/// use http::{Request, Response};
/// use tower_fcgi::{Config, Params, ProgramIo, RequestBody, serve_program};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower_fcgi::Error> {
/// let hello = tower::service_fn(async |request: Request<RequestBody>| {
///     Ok::<_, Infallible>(Response::new(format!("Hello, {}!", request.uri())))
/// });
/// let params: Params = [("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/x")].into_iter().collect();
/// let mut answer = Vec::new();
/// let io = ProgramIo { stdin: tokio::io::empty(), stdout: &mut answer, stderr: tokio::io::sink() };
/// serve_program(params, io, Config::default(), hello).await?;
/// assert_eq!(answer, b"Status: 200 OK\r\ncontent-length: 10\r\n\r\nHello, /x!");
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
        input: Input::new(io.stdin),
        output: Output::new(io.stdout, io.stderr),
        handle: ConnectionHandle::new(),
    };
    let called = program.call(&params, &config.driver.target, service);
    let span = called.span;
    let mut exchange = pin!(called.exchange);
    poll_fn(|cx| program.poll(exchange.as_mut(), cx)).instrument(span).await
}

/// The request is with the service, or rejected already.
struct CalledService<F, B> {
    exchange: ResponseDriver<F, B>,
    span: tracing::Span,
}

/// All of it but the exchange.
struct Program<I, O, E> {
    input: Input<I>,
    output: Output<O, E>,
    handle: ConnectionHandle,
}

/// Turns of one poll. A program has nothing else to do but what the handler has started.
const MAX_POLL_ITERATIONS: usize = 32;

impl<I, O, E> Program<I, O, E>
where
    I: AsyncRead + Unpin,
    O: AsyncWrite + Unpin,
    E: AsyncWrite + Unpin,
{
    /// Checks the request, and only then gives it to the service.
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
        let context = TargetContext { settings, program: OwnProgram::Cgi, role: Role::RESPONDER };
        let facts = match read_head(params, context, &mut call) {
            Ok(facts) => facts,
            Err(failure) => return self.refuse(&failure, ErrorBody::Unknown),
        };
        let is = ResponseContext::new(Role::RESPONDER, call.method());
        let span = tracing::debug_span!("request", method = %call.method(), uri = %call.uri());
        // RFC 3875 §4.1.2: without a length there is no body. But Apache hands on one that came in chunks, as long as
        // it turns out to be.
        let is_chunked = facts.content_length.is_none() && params.get("HTTP_TRANSFER_ENCODING").is_some();
        let length = if is_chunked { None } else { facts.content_length };
        if is_chunked || length.is_some_and(|length| length > 0) {
            let cell = Arc::new(BodyChannel::default());
            *call.body_mut() = RequestBody::streaming(Arc::clone(&cell), length);
            self.input.begin(cell, length.unwrap_or(u64::MAX));
        }
        let pairs = fcgi_core::Params::clone(params);
        let stderr = Stderr::of_program(&self.handle);
        call.extensions_mut().insert(Params::new(pairs, is.role, facts.client, stderr));
        CalledService {
            exchange: ResponseDriver::new(Oneshot::new(service, call), is, DeferredLog::default()),
            span,
        }
    }

    fn refuse<F, B>(&mut self, failure: &Failure, asked: ErrorBody) -> CalledService<F, B> {
        complete(failure, asked, DeferredLog::default(), &mut self.output);
        CalledService { exchange: ResponseDriver::Done, span: tracing::Span::none() }
    }

    fn poll<F, B>(
        &mut self,
        mut exchange: Pin<&mut ResponseDriver<F, B>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>>
    where
        F: Future<Output = Result<Response<B>, Failure>>,
        B: Body<Error: Into<BoxError>>,
    {
        self.handle.register_waker(cx.waker());
        for _ in 0..MAX_POLL_ITERATIONS {
            let was_full = self.output.is_full();
            let written = match self.output.poll_write(cx) {
                Ok(written) => written,
                Err(error) => {
                    // Nobody is there to be answered.
                    self.input.end(BodyErrorKind::Disconnected);
                    exchange.discard(&mut self.output);
                    return Poll::Ready(Err(error.into()));
                }
            };
            self.input.poll_read(!self.output.is_empty(), cx);
            if exchange.as_mut().poll(cx, &mut self.output).is_ready() {
                self.input.end(BodyErrorKind::RequestEnded);
            }
            while !self.output.is_full()
                && let Some(line) = self.handle.stderr().take()
            {
                self.output.stderr_text(line);
            }
            if written.is_ready() && exchange.is_done() && self.output.is_empty() {
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
    /// However it ends: nobody waits for bytes that do not come, or for lines to be taken.
    fn drop(&mut self) {
        self.input.end(BodyErrorKind::Disconnected);
        self.handle.stderr().close();
        self.handle.clear_waker();
    }
}
