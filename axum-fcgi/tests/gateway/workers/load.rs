//! Many requests at once, and which of them are lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use test_support::Running;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

/// The requests of a test.
pub(crate) const REQUESTS: usize = 10_000;

/// Where requests go.
#[derive(Clone)]
pub(crate) enum Front {
    Gateway(Router),
    Nginx { port: u16, client: Box<Client<HttpConnector, Body>> },
}

impl From<Router> for Front {
    fn from(router: Router) -> Self {
        Self::Gateway(router)
    }
}

impl From<&Running> for Front {
    fn from(nginx: &Running) -> Self {
        Self::Nginx { port: nginx.port, client: Box::new(Client::builder(TokioExecutor::new()).build_http()) }
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

/// Sends requests for the greeting from this many clients, each of these methods in turn.
pub(crate) async fn load(
    front: impl Into<Front>,
    clients: usize,
    methods: &[Method],
    requests: usize,
) -> Lost {
    let (front, sent) = (front.into(), Arc::new(AtomicUsize::new(0)));
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let (front, sent, methods) = (front.clone(), Arc::clone(&sent), methods.to_vec());
        tasks.spawn(async move {
            let mut lost = Vec::new();
            loop {
                let number = sent.fetch_add(1, Ordering::Relaxed);
                if number >= requests {
                    return lost;
                }
                match front.ask(&methods[number % methods.len()], "/hello.php").await {
                    Ok((200, body)) if body == "Hello, World!" => {}
                    Ok((status, _)) => lost.push(status.to_string()),
                    Err(error) => lost.push(error),
                }
            }
        });
    }
    let mut lost = Lost::default();
    for what in tasks.join_all().await.into_iter().flatten() {
        *lost.0.entry(what).or_default() += 1;
    }
    lost
}
