//! Runs a CGI program and collects its output.

use std::convert::Infallible;

use http::{Request, Response};
use tokio::io::AsyncRead;
use tower::util::BoxCloneService;
use tower_fcgi::{CgiStdio, Config, Error, Params, RequestBody, serve_cgi};

/// The result of a program.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) result: Result<(), Error>,
}

/// The environment of a request, with additional variables.
pub(crate) fn environment(method: &str, more: &[(&str, &str)]) -> Params {
    let usual = [
        ("PATH", "/usr/bin"),
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("REQUEST_METHOD", method),
        ("SCRIPT_NAME", "/app.cgi"),
        ("PATH_INFO", "/a b"),
        ("QUERY_STRING", "q=1"),
    ];
    usual.iter().chain(more).copied().collect()
}

/// Runs a program whose output is never blocked.
pub(crate) async fn run<S, B>(params: Params, stdin: impl AsyncRead + Unpin, service: S) -> Run
where
    S: tower::Service<Request<RequestBody>, Response = Response<B>, Error: Into<tower::BoxError>>,
    B: http_body::Body<Error: Into<tower::BoxError>>,
{
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let io = CgiStdio { stdin, stdout: &mut stdout, stderr: &mut stderr };
    let result = serve_cgi(params, io, Config::default(), service).await;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { stdout: text(stdout), stderr: text(stderr), result }
}

pub(crate) type Service = BoxCloneService<Request<RequestBody>, Response<String>, Infallible>;

/// A service from a function.
pub(crate) fn handler<F, R>(function: F) -> Service
where
    F: Fn(Request<RequestBody>) -> R + Clone + Send + 'static,
    R: Future<Output = String> + Send + 'static,
{
    BoxCloneService::new(tower::service_fn(move |request| {
        let answer = function(request);
        async move { Ok(Response::new(answer.await)) }
    }))
}
