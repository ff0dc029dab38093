//! The web server: HTTP from browsers, FastCGI to the application.
//!
//! It does what nginx does with `fastcgi_pass`, in as few lines as that takes here. Use a real one.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_stream::StreamExt as _;
use tower::{Service, ServiceExt as _};
use tower_fcgi::client::{self, Config, ExtraParams, Pool, ResponseBody};

use crate::records::{HttpRequest, Notice};
use crate::tap::Tapped;
use crate::viewers::Viewers;

/// Connections to the application: one for each page's records, and as many again for requests.
const CONNECTIONS: usize = 2 * Viewers::MOST;

/// Bytes of a body that are collected before a connection is taken for it, as nginx does it: a browser that sends slowly
/// holds none.
const COLLECTED: usize = 256 * 1024;

/// Requests with longer bodies that may hold a connection at once. The others wait without one.
const LONG_BODIES: usize = 8;

/// Ports that are tried, one after another.
const PORTS: u16 = 10;

/// Listens at the loopback interface, at `port` or the first one after it that is free, or at any port if ten in a row are
/// taken. `taken` is told of those.
///
/// # Errors
/// When this port must not be used, or no port is free.
pub async fn listen(port: u16, mut taken: impl FnMut(u16)) -> io::Result<TcpListener> {
    for port in port..=port.saturating_add(PORTS - 1) {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => taken(port),
            result => return result,
        }
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
}

/// Passes every request on to the application at `socket`, and shows each page what becomes of its own.
pub fn front(socket: &Path, viewers: Viewers) -> Router {
    let shown = viewers.clone();
    let audience = Arc::new(move |params: &_| viewers.watcher(params));
    let socket = socket.to_owned();
    let pool = Pool::new(CONNECTIONS, Config::default().with_on_stderr(log), move || {
        let (connecting, audience) = (UnixStream::connect(socket.clone()), Arc::clone(&audience));
        async move { Ok(Tapped::new(connecting.await?, audience)) }
    });
    let long_bodies = Arc::new(Semaphore::new(LONG_BODIES));
    Router::new().fallback(move |ConnectInfo(client), request: Request| {
        show(&shown, &request);
        pass(pool, long_bodies, client, request)
    })
}

/// Shows a page the request that it has sent, as it came.
fn show(viewers: &Viewers, request: &Request) {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let (Some(viewer), Some(exchange)) = (header("x-viewer"), header("x-exchange")) else { return };
    let mut head = format!("{} {} {:?}\n", request.method(), request.uri(), request.version());
    for (name, value) in request.headers() {
        head += &format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()));
    }
    viewers.show(viewer, Notice::Http(HttpRequest { exchange: exchange.to_owned(), head }));
}

async fn pass<S>(
    application: S,
    long_bodies: Arc<Semaphore>,
    client: SocketAddr,
    request: Request,
) -> Response
where
    S: Service<Request, Response = axum::http::Response<ResponseBody>, Error = client::Error>,
{
    let (mut request, is_whole) = match collect(request).await {
        Ok(collected) => collected,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    };
    let _place = if is_whole { None } else { long_bodies.acquire().await.ok() };
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
            complain(format_args!("web server: {}", Reasons(&error)));
            (StatusCode::BAD_GATEWAY, "The application gave no answer.\n").into_response()
        }
    }
}

/// The request with the beginning of its body in memory, and whether that is all of it.
async fn collect(request: Request) -> Result<(Request, bool), axum::Error> {
    let (head, mut body) = request.into_parts();
    let (mut pieces, mut bytes) = (Vec::new(), 0);
    while bytes < COLLECTED {
        let Some(frame) = body.frame().await else {
            let whole = Request::from_parts(head, Body::from(pieces.concat()));
            return Ok((whole, true));
        };
        if let Ok(piece) = frame?.into_data() {
            bytes += piece.len();
            pieces.push(piece);
        }
    }
    let beginning = tokio_stream::iter(pieces.into_iter().map(Ok));
    let body = Body::from_stream(beginning.chain(body.into_data_stream()));
    Ok((Request::from_parts(head, body), false))
}

/// What the application says on STDERR is for the web server's error log.
fn log(text: &[u8]) {
    for line in String::from_utf8_lossy(text).lines() {
        complain(format_args!("error log: {line}"));
    }
}

/// On stderr, which may be closed: `eprintln!` would panic.
fn complain(text: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// An error, and what it came from.
struct Reasons<'a>(&'a (dyn StdError + 'static));

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
        let next = listen(port, |port| taken.push(port)).await.unwrap().local_addr().unwrap();
        // Those after it may be anyone's.
        assert_eq!(taken, (port..=u16::MAX).take(taken.len()).collect::<Vec<_>>());
        assert!(taken.len() <= PORTS.into());
        assert!(next.ip().is_loopback() && !taken.contains(&next.port()) && !taken.is_empty());
    }
}
