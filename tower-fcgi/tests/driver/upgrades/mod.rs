//! Upgrades: a 101, and STDIN and STDOUT as a byte stream.

mod kept_connections;
mod offers;
mod streams;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tower_fcgi::{Config, OnUpgrade, RequestBody, Upgraded};

use crate::handlers::{Gate, Reply, boxed, full, handler};
use crate::records::{KEEP, head};
use crate::web_server::{WebServer, serve, serve_with};

const ASKS: [(&str, &str); 4] = [
    ("SERVER_SOFTWARE", "lighttpd/1.4.79"),
    ("HTTP_CONNECTION", "keep-alive, Upgrade"),
    ("HTTP_UPGRADE", "echo"),
    ("CONTENT_LENGTH", "0"),
];

/// The head of a request that asks for an upgrade. Its STDIN is open.
fn upgrade(id: u16) -> Vec<u8> {
    head(id, KEEP, "GET", "/", &ASKS)
}

fn switching() -> Reply {
    let response = Response::builder().status(101).header("connection", "upgrade").header("upgrade", "echo");
    response.header("content-length", "0").body(boxed(Empty::new())).unwrap()
}

/// Sends back what it reads after the 101, and ends with the client's direction.
fn sending_back() -> WebServer {
    sending_back_or("no upgrade")
}

/// As [`sending_back`], with this response to other requests.
fn sending_back_or(other: impl Into<Bytes>) -> WebServer {
    let other = other.into();
    serve(handler(move |mut request: Request<RequestBody>| {
        let response = match request.extensions_mut().remove::<OnUpgrade>() {
            Some(upgrade) => {
                tokio::spawn(async move {
                    if let Ok(stream) = upgrade.await {
                        send_back(stream).await;
                    }
                });
                switching()
            }
            None => full(other.clone()),
        };
        async { response }
    }))
}

async fn send_back(stream: Upgraded) {
    let (mut input, mut output) = tokio::io::split(stream);
    tokio::io::copy(&mut input, &mut output).await.unwrap();
    output.shutdown().await.unwrap();
}

/// A service that hands each stream to the test.
fn with_streams(config: Config) -> (WebServer, mpsc::UnboundedReceiver<Upgraded>) {
    let (sender, streams) = mpsc::unbounded_channel();
    let service = handler(move |mut request: Request<RequestBody>| {
        let sender = sender.clone();
        async move {
            let upgrade = request.extensions_mut().remove::<OnUpgrade>().expect("an upgradable request");
            tokio::spawn(async move { sender.send(upgrade.await.unwrap()).unwrap() });
            switching()
        }
    });
    (serve_with(config, service), streams)
}

async fn one_stream() -> (WebServer, Upgraded) {
    let (web_server, mut streams) = with_streams(Config::default());
    web_server.say(upgrade(1)).await;
    let stream = streams.recv().await.unwrap();
    (web_server, stream)
}

/// A service that responds with a 101 once the gate is open, and hands what became of the offer to the test.
fn gated(config: Config) -> (WebServer, Gate, mpsc::UnboundedReceiver<Result<Upgraded, String>>) {
    let (sender, outcomes) = mpsc::unbounded_channel();
    let gate = Gate::new();
    let opened = gate.clone();
    let service = handler(move |mut request: Request<RequestBody>| {
        let (sender, gate) = (sender.clone(), opened.clone());
        let upgrade = request.extensions_mut().remove::<OnUpgrade>();
        async move {
            let Some(upgrade) = upgrade else { return full("no upgrade") };
            tokio::spawn(async move { sender.send(upgrade.await.map_err(|error| error.to_string())) });
            gate.pass().await;
            switching()
        }
    });
    (serve_with(config, service), gate, outcomes)
}
