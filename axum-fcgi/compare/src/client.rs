//! The measured client: this program, as a child process.

use std::{
    future::Future,
    io,
    path::{Path, PathBuf},
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri};
use axum_fcgi::tower_fcgi::client as fastcgi;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioIo},
};
use tokio::{net::UnixStream, runtime, task::JoinSet};
use tower::{Service, ServiceExt};

use crate::{application::Protocol, headers, process::Usage};

/// The argument that runs this program as a client.
pub(crate) const ROLE: &str = "client-for-compare";

/// Requests in flight, each on its own kept connection.
const CONNECTIONS: usize = 32;
const BODY: &[u8] = b"Hello, World!";

type NoBody = Empty<Bytes>;

/// A client of either protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    /// One pool, shared by all callers.
    Pool(Protocol),
    /// One connection per caller.
    Connections(Protocol),
}

impl Client {
    pub(crate) const ALL: [Self; 4] = [
        Self::Pool(Protocol::FastCgi),
        Self::Pool(Protocol::Http),
        Self::Connections(Protocol::FastCgi),
        Self::Connections(Protocol::Http),
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pool(Protocol::FastCgi) => "fastcgi-pool",
            Self::Pool(Protocol::Http) => "http-pool",
            Self::Connections(Protocol::FastCgi) => "fastcgi-connections",
            Self::Connections(Protocol::Http) => "http-connections",
        }
    }

    pub(crate) const fn protocol(self) -> Protocol {
        match self {
            Self::Pool(protocol) | Self::Connections(protocol) => protocol,
        }
    }
}

/// The child process's main function: warms up, sends this number of requests, and prints the microseconds of CPU time
/// per request.
pub(crate) fn run(name: &str, requests: usize, socket: &Path) -> io::Result<()> {
    let known = Client::ALL.into_iter().find(|client| client.name() == name);
    let client = known.ok_or_else(|| io::Error::other(format!("unknown client: {name}")))?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let cpu = match client {
            Client::Pool(Protocol::FastCgi) => {
                measure(vec![Tower(fastcgi_pool(socket)); CONNECTIONS], requests).await
            }
            Client::Pool(Protocol::Http) => {
                measure(vec![Tower(http_pool(socket)); CONNECTIONS], requests).await
            }
            Client::Connections(Protocol::FastCgi) => {
                let mut senders = Vec::new();
                for _ in 0..CONNECTIONS {
                    let io = UnixStream::connect(socket).await?;
                    let (sender, connection) = fastcgi::handshake(io, kept());
                    tokio::spawn(connection);
                    senders.push(Tower(sender));
                }
                measure(senders, requests).await
            }
            Client::Connections(Protocol::Http) => {
                let mut senders = Vec::new();
                for _ in 0..CONNECTIONS {
                    let io = TokioIo::new(UnixStream::connect(socket).await?);
                    let (sender, connection) = http1::handshake(io).await.map_err(io::Error::other)?;
                    tokio::spawn(connection);
                    senders.push(Http1(sender));
                }
                measure(senders, requests).await
            }
        }?;
        println!("{cpu}");
        Ok(())
    })
}

/// Sends a request.
trait RequestSender: Send + 'static {
    type Body: http_body::Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send;

    fn send(
        &mut self,
        request: Request<NoBody>,
    ) -> impl Future<Output = io::Result<Response<Self::Body>>> + Send;
}

#[derive(Clone)]
struct Tower<S>(S);

impl<S, B> RequestSender for Tower<S>
where
    S: Service<Request<NoBody>, Response = Response<B>, Future: Send> + Send + 'static,
    S::Error: std::error::Error + Send + Sync,
    B: http_body::Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send,
{
    type Body = B;

    async fn send(&mut self, request: Request<NoBody>) -> io::Result<Response<B>> {
        self.0.ready().await.map_err(io::Error::other)?.call(request).await.map_err(io::Error::other)
    }
}

struct Http1(http1::SendRequest<NoBody>);

impl RequestSender for Http1 {
    type Body = hyper::body::Incoming;

    async fn send(&mut self, request: Request<NoBody>) -> io::Result<Response<Self::Body>> {
        self.0.ready().await.map_err(io::Error::other)?;
        self.0.send_request(request).await.map_err(io::Error::other)
    }
}

fn fastcgi_pool(
    socket: &Path,
) -> fastcgi::Pool<impl Fn() -> Connecting<UnixStream> + Send + Sync + 'static, NoBody> {
    let socket = socket.to_owned();
    let connect = move || Box::pin(UnixStream::connect(socket.clone())) as _;
    fastcgi::Pool::builder(connect).max_size(CONNECTIONS).config(kept()).build()
}

/// The settings of connections that are kept, as those of HTTP.
fn kept() -> fastcgi::Config {
    fastcgi::Config::default().with_keep_conn(true).with_ready_check(false).with_keep_alive_timeout(None)
}

fn http_pool(socket: &Path) -> legacy::Client<UnixConnector, NoBody> {
    legacy::Client::builder(TokioExecutor::new()).build(UnixConnector(socket.to_owned()))
}

type Connecting<IO> = Pin<Box<dyn Future<Output = io::Result<IO>> + Send>>;

/// A connector for hyper-util's client that always connects to this unix socket.
#[derive(Clone)]
struct UnixConnector(PathBuf);

impl Service<Uri> for UnixConnector {
    type Response = TokioIo<UnixStream>;
    type Error = io::Error;
    type Future = Connecting<TokioIo<UnixStream>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let socket = self.0.clone();
        Box::pin(async move { Ok(TokioIo::new(UnixStream::connect(socket).await?)) })
    }
}

/// Returns the microseconds of CPU time per request.
async fn measure<S: RequestSender>(senders: Vec<S>, requests: usize) -> io::Result<f64> {
    let senders = send_all(senders, 20).await?;
    let before = Usage::of(std::process::id())?.cpu;
    let per_sender = requests.div_ceil(CONNECTIONS);
    send_all(senders, per_sender).await?;
    let cpu = Usage::of(std::process::id())?.cpu - before;
    Ok(cpu.as_secs_f64() * 1e6 / (per_sender * CONNECTIONS) as f64)
}

/// Sends `per_sender` requests with each sender, one after the other.
async fn send_all<S: RequestSender>(senders: Vec<S>, per_sender: usize) -> io::Result<Vec<S>> {
    let headers: HeaderMap = headers::NAVIGATION
        .into_iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect();
    let mut tasks = JoinSet::new();
    for mut sender in senders {
        let headers = headers.clone();
        tasks.spawn(async move {
            for _ in 0..per_sender {
                let mut request = Request::new(Empty::new());
                *request.uri_mut() = Uri::from_static("http://shop.example.org/hello");
                *request.headers_mut() = headers.clone();
                let response = sender.send(request).await?;
                let status = response.status();
                let body = response.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
                if status != StatusCode::OK || body != BODY {
                    return Err(io::Error::other(format!("{status}: {body:?}")));
                }
            }
            Ok(sender)
        });
    }
    tasks.join_all().await.into_iter().collect()
}
