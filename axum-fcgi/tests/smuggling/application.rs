//! One application, served twice, over FastCGI and over HTTP. It records the requests that it sees.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use axum_fcgi::Params;
use http_body_util::BodyExt as _;
use test_support::Result;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub(crate) struct Application {
    pub(crate) over_fastcgi: Served,
    pub(crate) over_http: Served,
    _runtime: Runtime,
}

/// The application over one of the two.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    seen: Recorder,
}

/// Complete requests, in the order in which the handler saw them.
type Recorder = Arc<Mutex<Vec<Seen>>>;

#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Its position in this order.
    pub(crate) number: usize,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    /// All meta-variables over FastCGI.
    pub(crate) params: Vec<(String, String)>,
    pub(crate) client: Option<SocketAddr>,
}

impl Application {
    pub(crate) fn start() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let bind = || runtime.block_on(TcpListener::bind("127.0.0.1:0"));
        let (fastcgi, http) = (bind()?, bind()?);
        let served = |listener: &TcpListener| -> Result<Served> {
            Ok(Served { address: listener.local_addr()?, seen: Recorder::default() })
        };
        let (over_fastcgi, over_http) = (served(&fastcgi)?, served(&http)?);
        let router = |served: &Served| Router::new().fallback(see).with_state(Arc::clone(&served.seen));
        runtime.spawn(axum_fcgi::serve(fastcgi, router(&over_fastcgi)).into_future());
        runtime.spawn(axum::serve(http, router(&over_http)).into_future());
        Ok(Self { over_fastcgi, over_http, _runtime: runtime })
    }
}

impl Served {
    /// The requests seen, without the first `count`.
    pub(crate) fn seen_after(&self, count: usize) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)[count..].to_vec()
    }

    pub(crate) fn count(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// A request with an incomplete body is not recorded: no client waits for its response.
async fn see(State(seen): State<Recorder>, params: Option<Params>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return "the body is incomplete".into_response() };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let client = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let number = seen.len();
    seen.push(Seen {
        number,
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
            .collect(),
        body: body.to_bytes().to_vec(),
        params: params
            .iter()
            .flat_map(|params| params.iter())
            .map(|(name, value)| (text(name), text(value)))
            .collect(),
        client: client.map(|client| client.0),
    });
    // In the head for HEAD, and in the body for HTTP/0.9, which has no head.
    let mark = mark(number);
    ([("x-answer", mark.clone())], mark).into_response()
}

/// A text that is unique to this response.
pub(crate) fn mark(number: usize) -> String {
    format!("answer={number};")
}
