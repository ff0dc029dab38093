//! Runs the web server and the application.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum_fcgi::{Address, FcgiListener};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::application::app;
use crate::viewers::Viewers;
use crate::web_server::web_server;

/// How long requests in flight may take to complete. Only a browser that does not read its responses takes longer.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs both until `stop` completes. The application has `listener`, and the web server connects to the address
/// `connects_to`. This is another one than that of `listener` only if there is a proxy in between.
///
/// # Errors
/// If the web server cannot accept connections.
pub async fn serve(
    http: TcpListener,
    listener: FcgiListener,
    connects_to: Address,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let viewers = Viewers::default();
    let stopping = CancellationToken::new();
    let web_server_stopped = CancellationToken::new();

    let application = axum_fcgi::serve(listener, app(viewers.clone(), stopping.clone()))
        .with_config(axum_fcgi::Config::default().with_shutdown_timeout(SHUTDOWN_TIMEOUT))
        .with_graceful_shutdown(web_server_stopped.clone().cancelled_owned());
    let application = tokio::spawn(application.into_future());

    let service = web_server(connects_to, viewers).into_make_service_with_connect_info::<SocketAddr>();
    let web_server = axum::serve(http, service).with_graceful_shutdown(stopping.clone().cancelled_owned());
    let mut web_server = pin!(web_server.into_future());
    tokio::select! {
        result = &mut web_server => return result,
        () = stop => {}
    }

    // The web server stops first, so that no request reaches a stopped application.
    stopping.cancel();
    let _ = timeout(SHUTDOWN_TIMEOUT, web_server).await;
    web_server_stopped.cancel();
    application.await?
}
