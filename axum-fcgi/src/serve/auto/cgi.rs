//! Serves one request as a CGI program.

use std::env;
use std::future::poll_fn;
use std::io;

use tokio::net::UnixStream;
use tower_fcgi::{CgiStdio, Params, serve_cgi};

use super::stdio;
use crate::listen::{FcgiAddr, FcgiListener, FcgiStream};
use crate::serve::config::Config;
use crate::serve::incoming_stream::IncomingStream;
use crate::serve::make_service::make_fcgi_service::MakeFcgiService;
use crate::serve::service::AxumService;
use crate::serve::shutdown::ShutdownCause;

/// Serves the request, unless `signal` completes first.
pub(super) async fn serve<M, K>(
    mut service: M,
    config: Config,
    signal: impl Future<Output = ShutdownCause>,
) -> io::Result<()>
where
    M: MakeFcgiService<FcgiListener, K>,
{
    let io = CgiStdio { stdin: stdio::input()?, stdout: stdio::output()?, stderr: tokio::io::stderr() };
    let params = Params::from_vars(env::vars_os());
    let run = async {
        let service = AxumService::new(make(&mut service).await?);
        serve_cgi(params, io, config.connection, service).await.map_err(io::Error::other)
    };
    tokio::select! {
        biased;
        served = run => served,
        _ = signal => Err(io::Error::new(
            io::ErrorKind::Interrupted,
            "the program was stopped by a signal before its response was complete",
        )),
    }
}

/// Makes the service. A make-service may look at its connection, and stdin is often a pipe: a pair of sockets stands in.
async fn make<M, K>(service: &mut M) -> io::Result<M::Service>
where
    M: MakeFcgiService<FcgiListener, K>,
{
    let (io, _other) = UnixStream::pair()?;
    poll_fn(|cx| service.poll_ready(cx)).await;
    let (io, peer) = (FcgiStream::Unix(io), FcgiAddr::Unix(None));
    Ok(service.make_service(IncomingStream::new(&io, &peer)).await)
}
