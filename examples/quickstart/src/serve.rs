//! The web server and the application, from their start to their end.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::front::front;
use crate::sample::app;
use crate::viewers::Viewers;

/// How long requests that are under way may take to their end. Only a browser that does not read what it has asked for
/// takes longer.
const LIMIT: Duration = Duration::from_secs(3);

/// Serves both until `stop` is ready. The application listens at the path `listens_at`, and the web server connects to
/// `connects_to`, which is the same unless something is in between.
///
/// # Errors
/// When the application cannot listen there.
pub async fn serve(
    http: TcpListener,
    listens_at: &Path,
    connects_to: &Path,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let viewers = Viewers::default();
    let stopping = CancellationToken::new();
    let nobody_asks = CancellationToken::new();

    let listener = UnixListener::bind(listens_at)?;
    let application = axum_fcgi::serve(listener, app(viewers.clone(), stopping.clone()))
        .with_config(axum_fcgi::Config::default().with_shutdown_timeout(LIMIT))
        .with_graceful_shutdown(nobody_asks.clone().cancelled_owned());
    let application = tokio::spawn(application.into_future());

    let service = front(connects_to, viewers).into_make_service_with_connect_info::<SocketAddr>();
    let front = axum::serve(http, service).with_graceful_shutdown(stopping.clone().cancelled_owned());
    let mut front = pin!(front.into_future());
    tokio::select! {
        result = &mut front => return result,
        () = stop => {}
    }

    // The web server first, so that no request finds the application gone.
    stopping.cancel();
    let _ = timeout(LIMIT, front).await;
    nobody_asks.cancel();
    application.await?
}
