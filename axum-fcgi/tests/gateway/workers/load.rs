//! Many requests at once, and which of them are lost.

use std::collections::BTreeMap;
use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use test_support::Running;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

/// The requests of a test.
pub(crate) const REQUESTS: usize = 10_000;

/// The requests of a test that takes long: a part of them, or all with LOAD=4 or more.
pub(crate) fn slow_requests() -> usize {
    (REQUESTS / 4).saturating_mul(times()).min(REQUESTS)
}

/// With LOAD=4 or more, each case sends all requests in each variant, and as many to nginx in the same place.
pub(crate) fn sends_all() -> bool {
    slow_requests() == REQUESTS
}

fn times() -> usize {
    env::var("LOAD").ok().and_then(|times| times.parse().ok()).unwrap_or(1)
}

/// Where requests go.
#[derive(Clone)]
pub(crate) enum Front {
    Gateway(Router),
    Nginx { port: u16, client: Box<legacy::Client<HttpConnector, Body>> },
}

impl From<Router> for Front {
    fn from(router: Router) -> Self {
        Self::Gateway(router)
    }
}

impl From<&Running> for Front {
    fn from(nginx: &Running) -> Self {
        let client = legacy::Client::builder(TokioExecutor::new()).build_http();
        Self::Nginx { port: nginx.port, client: Box::new(client) }
    }
}

impl Front {
    /// The response's status and body, or what is wrong with it.
    pub(crate) async fn ask(&self, method: &Method, path: &str) -> Result<(u16, String), String> {
        let request = Request::builder().method(method).header("host", "localhost");
        let body = if method == Method::POST { Body::from("body") } else { Body::empty() };
        let response = match self {
            Self::Gateway(router) => {
                let response = router.clone().oneshot(request.uri(path).body(body).unwrap()).await;
                response.unwrap_or_else(|never| match never {})
            }
            Self::Nginx { port, client } => {
                let request = request.uri(format!("http://127.0.0.1:{port}{path}")).body(body).unwrap();
                client.request(request).await.map_err(|error| error.to_string())?.map(Body::new)
            }
        };
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        self.ask(&Method::GET, path).await.expect("a complete response")
    }
}

/// The requests that got no right response, by what they got.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Lost(BTreeMap<String, usize>);

impl Lost {
    pub(crate) fn count(&self) -> usize {
        self.0.values().sum()
    }
}

/// What is sent in each of a test's variants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load<'a> {
    pub(crate) case: &'static str,
    pub(crate) clients: usize,
    /// Each in turn.
    pub(crate) methods: &'a [Method],
    pub(crate) path: &'a str,
    /// The body of the right response.
    pub(crate) expected: &'a str,
}

impl Load<'_> {
    /// Requests for the greeting, with GET and POST.
    pub(crate) const fn greetings(case: &'static str, clients: usize) -> Self {
        const BOTH: &[Method] = &[Method::GET, Method::POST];
        Self { case, clients, methods: BOTH, path: "/hello.php", expected: "Hello, World!" }
    }

    /// Sends these requests, and returns which were lost.
    pub(crate) async fn send(self, variant: &str, front: impl Into<Front>, requests: usize) -> Lost {
        let started = Instant::now();
        let (front, sent) = (front.into(), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        for _ in 0..self.clients {
            let client = Client { front: front.clone(), sent: Arc::clone(&sent), requests };
            let (methods, path) = (self.methods.to_vec(), self.path.to_owned());
            tasks.spawn(client.send(methods, path, self.expected.to_owned()));
        }
        let mut lost = Lost::default();
        for what in tasks.join_all().await.into_iter().flatten() {
            *lost.0.entry(what).or_default() += 1;
        }
        let seconds = started.elapsed().as_secs_f32();
        eprintln!("{}, {variant}: {requests} requests, lost {:?}, {seconds:.1} s", self.case, lost.0);
        lost
    }
}

/// One of those that send the requests of a load.
struct Client {
    front: Front,
    /// By all.
    sent: Arc<AtomicUsize>,
    requests: usize,
}

impl Client {
    /// Returns what is wrong with the responses.
    async fn send(self, methods: Vec<Method>, path: String, expected: String) -> Vec<String> {
        let mut lost = Vec::new();
        loop {
            let number = self.sent.fetch_add(1, Ordering::Relaxed);
            if number >= self.requests {
                return lost;
            }
            match self.front.ask(&methods[number % methods.len()], &path).await {
                Ok((200, body)) if body == expected => {}
                Ok((status, _)) => lost.push(status.to_string()),
                Err(error) => lost.push(error),
            }
        }
    }
}
