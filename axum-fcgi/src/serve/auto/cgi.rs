//! Serves one request as a CGI program.

use std::convert::Infallible;
use std::env;
use std::io;

use axum::extract::Request;
use axum::response::Response;
use tower_fcgi::{CgiStdio, Params, serve_cgi};
use tower_service::Service;

use super::stdio;
use crate::serve::config::Config;
use crate::serve::service::AxumService;

/// Serves the request, unless `signal` completes first.
pub(super) async fn serve<S>(service: S, config: Config, signal: impl Future<Output = ()>) -> io::Result<()>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Send + 'static,
{
    let io = CgiStdio { stdin: stdio::input()?, stdout: stdio::output()?, stderr: tokio::io::stderr() };
    let params = Params::from_vars(env::vars_os());
    tokio::select! {
        biased;
        served = serve_cgi(params, io, config.connection, AxumService::new(service)) => served.map_err(io::Error::other),
        () = signal => Err(io::Error::new(
            io::ErrorKind::Interrupted,
            "the program was stopped by a signal before its response was complete",
        )),
    }
}
