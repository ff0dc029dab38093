//! The web server: HTTP from browsers, FastCGI to the application.
//!
//! It does what nginx does with `fastcgi_pass`, in as few lines as that takes here. Use a real one.

use std::error::Error as StdError;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use tokio::net::{TcpListener, UnixStream};
use tower::{Service, ServiceExt as _};
use tower_fcgi::client::{self, Config, ExtraParams, Pool, ResponseBody};

use crate::tap::Tapped;
use crate::viewers::Viewers;

/// Connections to the application: one for each page's records, and as many again for requests.
const CONNECTIONS: usize = 2 * Viewers::MOST;

/// Ports that are tried, one after another.
const PORTS: u16 = 10;

/// Listens at the loopback interface, at `port` or the first one after it that is free. `taken` is told of the others.
///
/// # Errors
/// When ten in a row are taken, or this one must not be used.
pub async fn listen(port: u16, mut taken: impl FnMut(u16)) -> io::Result<TcpListener> {
    for port in port..=port.saturating_add(PORTS - 1) {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => taken(port),
            result => return result,
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, format!("{PORTS} ports from {port} on are taken")))
}

/// Passes every request on to the application at `socket`, and shows each page what becomes of its own.
pub fn front(socket: &Path, viewers: Viewers) -> Router {
    let audience = Arc::new(move |params: &_| viewers.watcher(params));
    let socket = socket.to_owned();
    let pool = Pool::new(CONNECTIONS, Config::default().on_stderr(log), move || {
        let (connecting, audience) = (UnixStream::connect(socket.clone()), Arc::clone(&audience));
        async move { Ok(Tapped::new(connecting.await?, audience)) }
    });
    Router::new().fallback(move |ConnectInfo(client), request| pass(pool, client, request))
}

async fn pass<S>(application: S, client: SocketAddr, mut request: Request) -> Response
where
    S: Service<Request, Response = axum::http::Response<ResponseBody>, Error = client::Error>,
{
    // What only the web server knows.
    let facts = [
        ("REMOTE_ADDR", client.ip().to_string()),
        ("REMOTE_PORT", client.port().to_string()),
        ("REQUEST_SCHEME", "http".to_owned()),
    ];
    request.extensions_mut().insert(ExtraParams(facts.into_iter().collect()));
    match application.oneshot(request).await {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            eprintln!("web server: {}", Reasons(&error));
            (StatusCode::BAD_GATEWAY, "The application gave no answer.\n").into_response()
        }
    }
}

/// What the application says on STDERR is for the web server's error log.
fn log(text: &[u8]) {
    for line in String::from_utf8_lossy(text).lines() {
        eprintln!("error log: {line}");
    }
}

/// An error, and what it came from.
struct Reasons<'a>(&'a (dyn StdError + 'static));

impl std::fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut error = self.0;
        while let Some(source) = error.source() {
            write!(f, ": {source}")?;
            error = source;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_is_taken_is_told_and_passed_over() {
        let holder = listen(0, |_| panic!("no port is port 0")).await.unwrap();
        let port = holder.local_addr().unwrap().port();
        let mut taken = Vec::new();
        let next = listen(port, |port| taken.push(port)).await;
        assert_eq!(taken.first(), Some(&port));
        // Those after it may be anyone's.
        if let Ok(next) = next {
            let address = next.local_addr().unwrap();
            assert!(address.ip().is_loopback());
            assert_eq!(usize::from(address.port() - port), taken.len());
        }
    }
}
