//! A listener with in-memory connections, so that time can be paused.

use std::io;

use axum::serve::Listener;
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;

/// The web servers' end.
pub(crate) struct Entrance(mpsc::UnboundedSender<DuplexStream>);

impl Entrance {
    pub(crate) fn connect(&self) -> DuplexStream {
        let (web_server, application) = duplex(64 * 1024);
        self.0.send(application).expect("the listener is alive");
        web_server
    }
}

pub(crate) struct InMemory(mpsc::UnboundedReceiver<DuplexStream>);

pub(crate) fn listener() -> (Entrance, InMemory) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Entrance(sender), InMemory(receiver))
}

impl Listener for InMemory {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.recv().await {
            Some(io) => (io, ()),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}
