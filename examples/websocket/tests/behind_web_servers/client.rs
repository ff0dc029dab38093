//! A WebSocket client.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use test_support::Result;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};

/// Turns a hang into a failure.
const TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) struct Client(WebSocketStream<TcpStream>);

impl Client {
    /// Connects to the chat on a loopback port, and claims to have another address.
    pub(crate) async fn connect(port: u16) -> Result<Self> {
        let mut request = format!("ws://127.0.0.1:{port}/ws").into_client_request()?;
        request.headers_mut().insert("x-forwarded-for", "203.0.113.9".parse()?);
        let io = TcpStream::connect(("127.0.0.1", port)).await?;
        Ok(Self(timeout(TIMEOUT, client_async(request, io)).await??.0))
    }

    pub(crate) async fn send(&mut self, text: &str) -> Result {
        Ok(self.0.send(Message::text(text)).await?)
    }

    /// The next text.
    pub(crate) async fn receive(&mut self) -> Result<String> {
        loop {
            match timeout(TIMEOUT, self.0.next()).await?.ok_or("the stream has ended")?? {
                Message::Text(text) => return Ok(text.to_string()),
                Message::Close(frame) => return Err(format!("closed: {frame:?}").into()),
                _ => {}
            }
        }
    }

    /// Closes, and waits for the server's close.
    pub(crate) async fn close(mut self) -> Result {
        self.0.close(None).await?;
        while let Some(message) = timeout(TIMEOUT, self.0.next()).await? {
            if message?.is_close() {
                return Ok(());
            }
        }
        Err("no close".into())
    }
}

pub(crate) fn block_on(test: impl Future<Output = Result>) -> Result {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(test)
}
