//! A served Router, and its status page on a second listener.

use std::future::pending;
use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use axum_fcgi::tower_fcgi::stats::PoolSnapshot;
use axum_fcgi::{Config, Stats, status};
use serde_json::Value;
use test_support::{Answer, Result, ask, wait_for};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::wire;

/// A target that is markup, unless it is escaped.
pub(crate) const HOSTILE: &str = "/wait/a&lt;\"'\u{202e}\u{7f}?<script>alert(1)</script>";

pub(crate) struct Site {
    runtime: Runtime,
    /// The port of the page.
    pub(crate) port: u16,
    application: SocketAddr,
    /// Has a message from each handler of `/wait`, which never responds.
    started: UnboundedReceiver<()>,
}

impl Site {
    pub(crate) fn start(max_connections: usize) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let (start, started) = mpsc::unbounded_channel();
        let wait = async move || {
            start.send(()).unwrap();
            pending::<()>().await;
        };
        let router = Router::new()
            .route("/", get(async || "served"))
            .route("/panic", get(panics))
            .route("/wait/{*rest}", get(wait));
        let stats = Stats::new();
        let pool = status(stats.clone()).with_pool("php", pool_snapshot);
        let page = Router::new().route("/", get(pool)).route("/favicon.ico", get(async || ""));
        let (application, port) = runtime.block_on(async {
            let (fcgi, http) =
                (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
            let addresses = (fcgi.local_addr()?, http.local_addr()?.port());
            tokio::spawn(async move { axum::serve(http, page).await });
            let config = Config::default().with_max_connections(max_connections);
            tokio::spawn(axum_fcgi::serve(fcgi, router).with_config(config).with_stats(stats).into_future());
            Ok::<_, std::io::Error>(addresses)
        })?;
        Ok(Self { runtime, port, application, started })
    }

    /// A connection to the application.
    pub(crate) fn connect(&self) -> Result<TcpStream> {
        Ok(self.runtime.block_on(TcpStream::connect(self.application))?)
    }

    /// Sends a request whose connection is kept, and returns the response. `sent` grows by the length of the request.
    pub(crate) fn ask(&self, io: &mut TcpStream, path: &str, sent: &mut u64) -> Result<String> {
        let request = wire::get(path, true);
        *sent += request.len() as u64;
        Ok(self.runtime.block_on(wire::ask(io, &request))?)
    }

    /// Sends a request.
    pub(crate) fn send(&self, io: &mut TcpStream, path: &str, sent: &mut u64) -> Result {
        let request = wire::get(path, true);
        *sent += request.len() as u64;
        Ok(self.runtime.block_on(io.write_all(&request))?)
    }

    /// Sends a request to `/wait`, and returns when its handler has begun.
    pub(crate) fn begin(&mut self, io: &mut TcpStream, path: &str, sent: &mut u64) -> Result {
        self.send(io, path, sent)?;
        self.started.blocking_recv().ok_or("the application has ended").map_err(Into::into)
    }

    pub(crate) fn page(&self, query: &str) -> Result<Answer> {
        ask(self.port, "GET", &format!("/?{query}"), "", "")
    }

    pub(crate) fn json(&self, query: &str) -> Result<Value> {
        let answer = self.page(query)?;
        assert_eq!(answer.status, 200, "{}", answer.body);
        Ok(serde_json::from_str(&answer.body)?)
    }

    /// One connection with a 200, a 404 and a panic, which is then idle, and one with a request in flight.
    pub(crate) fn visit(&mut self) -> Result<Visit> {
        let mut sent = 0;
        let mut idle = self.connect()?;
        assert!(self.ask(&mut idle, "/", &mut sent)?.ends_with("served"));
        assert!(self.ask(&mut idle, "/missing", &mut sent)?.starts_with("Status: 404"));
        assert!(self.ask(&mut idle, "/panic", &mut sent)?.starts_with("Status: 500"));
        let mut busy = self.connect()?;
        self.begin(&mut busy, HOSTILE, &mut sent)?;
        wait_for("the idle connection", || Ok(self.json("json")?["connections"]["idle"]["current"] == 1))?;
        Ok(Visit { idle, busy, sent })
    }
}

/// The connections, which stay open.
pub(crate) struct Visit {
    pub(crate) idle: TcpStream,
    pub(crate) busy: TcpStream,
    /// The bytes of all requests.
    pub(crate) sent: u64,
}

async fn panics() -> &'static str {
    panic!("on purpose")
}

fn pool_snapshot() -> PoolSnapshot {
    let mut snapshot = PoolSnapshot::default();
    (snapshot.in_use.current, snapshot.in_use.max) = (3, 5);
    (snapshot.requests, snapshot.connect_failures) = (1_234, 2);
    snapshot
}
