//! The web server: HTTP from browsers, FastCGI to the application.
//!
//! A minimal version of nginx's `fastcgi_pass`. Use a real web server in production.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum_fcgi::Address;
use http_body_util::BodyExt as _;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_stream::StreamExt as _;
use tower::{Service, ServiceExt as _};
use tower_fcgi::client::{self, Config, ExtraParams, Pool, ResponseBody};

use crate::connect::connect;
use crate::records::{HttpRequest, Notice};
use crate::tap::Tapped;
use crate::viewers::Viewers;

/// Connections to the application: one for each page's records, and as many again for requests.
const CONNECTIONS: usize = 2 * Viewers::MAX;

/// Bytes of a body that are buffered before the request gets a connection, as in nginx: a browser that sends slowly
/// occupies none.
const MAX_BUFFERED_BODY: usize = 256 * 1024;

/// Concurrent requests with longer bodies. Others wait without a connection.
const MAX_LONG_BODIES: usize = 8;

/// Consecutive ports to try.
const PORTS: u16 = 10;

/// Listens on the loopback interface: at `port` or the next free one, or at any port if ten in a row are in use. Calls
/// `in_use` for each of those.
///
/// # Errors
/// If binding a port fails for another reason, or no port is free.
pub async fn listen(port: u16, mut in_use: impl FnMut(u16)) -> io::Result<TcpListener> {
    for port in port..=port.saturating_add(PORTS - 1) {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => in_use(port),
            result => return result,
        }
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
}

/// Forwards each request to the application at `address`, and shows each page the records of its own requests.
pub fn web_server(address: Address, viewers: Viewers) -> Router {
    let request_viewers = viewers.clone();
    let find_watcher = Arc::new(move |params: &_| viewers.watcher(params));
    let connect = move || {
        let (connecting, find_watcher) = (connect(address.clone()), Arc::clone(&find_watcher));
        async move { Ok(Tapped::new(connecting.await?, find_watcher)) }
    };
    // The pages show connections that are kept, as nginx keeps them.
    let kept = Config::default().with_keep_conn(true).with_ready_check(false).with_keep_alive_timeout(None);
    let pool = Pool::builder(connect).max_size(CONNECTIONS).config(kept.with_on_stderr(log_stderr)).build();
    let long_bodies = Arc::new(Semaphore::new(MAX_LONG_BODIES));
    Router::new().fallback(move |ConnectInfo(client), request: Request| {
        show(&request_viewers, &request);
        forward(pool, long_bodies, client, request)
    })
}

/// Shows a page the HTTP request that it sent.
fn show(viewers: &Viewers, request: &Request) {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let (Some(viewer), Some(exchange)) = (header("x-viewer"), header("x-exchange")) else { return };
    let mut head = format!("{} {} {:?}\n", request.method(), request.uri(), request.version());
    for (name, value) in request.headers() {
        head += &format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()));
    }
    viewers.show(viewer, Notice::Http(HttpRequest { exchange: exchange.to_owned(), head }));
}

async fn forward<S>(
    application: S,
    long_bodies: Arc<Semaphore>,
    client: SocketAddr,
    request: Request,
) -> Response
where
    S: Service<Request, Response = axum::http::Response<ResponseBody>, Error = client::Error>,
{
    let (mut request, is_complete) = match buffer_body(request).await {
        Ok(buffered) => buffered,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    };
    let _permit = if is_complete { None } else { long_bodies.acquire().await.ok() };
    // Only the web server knows these.
    let params = [
        ("REMOTE_ADDR", client.ip().to_string()),
        ("REMOTE_PORT", client.port().to_string()),
        ("REQUEST_SCHEME", "http".to_owned()),
    ];
    request.extensions_mut().insert(ExtraParams(params.into_iter().collect()));
    match application.oneshot(request).await {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            log(format_args!("web server: {}", ErrorChain(&error)));
            (StatusCode::BAD_GATEWAY, "The application did not respond.\n").into_response()
        }
    }
}

/// Buffers the start of the body. Returns the request, and whether its whole body is buffered.
async fn buffer_body(request: Request) -> Result<(Request, bool), axum::Error> {
    let (head, mut body) = request.into_parts();
    let (mut chunks, mut bytes) = (Vec::new(), 0);
    while bytes < MAX_BUFFERED_BODY {
        let Some(frame) = body.frame().await else {
            let complete = Request::from_parts(head, Body::from(chunks.concat()));
            return Ok((complete, true));
        };
        if let Ok(chunk) = frame?.into_data() {
            bytes += chunk.len();
            chunks.push(chunk);
        }
    }
    let buffered = tokio_stream::iter(chunks.into_iter().map(Ok));
    let body = Body::from_stream(buffered.chain(body.into_data_stream()));
    Ok((Request::from_parts(head, body), false))
}

/// Writes the application's STDERR to the web server's error log.
fn log_stderr(text: &[u8]) {
    for line in String::from_utf8_lossy(text).lines() {
        log(format_args!("error log: {line}"));
    }
}

/// Writes to stderr. It may be closed, and then `eprintln!` would panic.
fn log(text: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// An error with its sources.
struct ErrorChain<'a>(&'a (dyn StdError + 'static));

impl fmt::Display for ErrorChain<'_> {
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
    async fn a_port_in_use_is_reported_and_skipped() {
        let holder = listen(0, |_| panic!("port 0 is never in use")).await.unwrap();
        let port = holder.local_addr().unwrap().port();
        let mut in_use = Vec::new();
        let next = listen(port, |port| in_use.push(port)).await.unwrap().local_addr().unwrap();
        // Other programs may use the ports after it.
        assert_eq!(in_use, (port..=u16::MAX).take(in_use.len()).collect::<Vec<_>>());
        assert!(in_use.len() <= PORTS.into());
        assert!(next.ip().is_loopback() && !in_use.contains(&next.port()) && !in_use.is_empty());
    }
}
