//! The web server's end of a served connection.

use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tower_fcgi::{Builder, Config, ConnectionHandle, Error, FcgiService};

use crate::answers::{Answer, Answers};
use crate::wire::{Transport, Wire};

/// A web server with one connection, served in a task.
pub(crate) struct WebServer {
    pub(crate) wire: Wire,
    pub(crate) handle: ConnectionHandle,
    connection: JoinHandle<Result<(), Error>>,
}

/// Longer than any timeout of the library: what takes as long hangs.
const HANGS: Duration = Duration::from_secs(86_400);

/// Serves a connection with the default settings.
pub(crate) fn serve<S>(service: S) -> WebServer
where
    S: FcgiService,
{
    serve_with(Config::default(), service)
}

pub(crate) fn serve_with<S>(config: Config, service: S) -> WebServer
where
    S: FcgiService,
{
    serve_on(Wire::default(), config, service)
}

pub(crate) fn serve_on<S>(wire: Wire, config: Config, service: S) -> WebServer
where
    S: FcgiService,
{
    let connection = Builder::new().config(config).serve_connection(wire.transport(), service);
    let connection = connection.on_incomplete_response(Transport::reset);
    let handle = connection.handle();
    WebServer { wire, handle, connection: tokio::spawn(connection) }
}

impl WebServer {
    /// Sends a packet, which the application reads in one read.
    pub(crate) fn send(&self, bytes: impl Into<Bytes>) {
        self.wire.give(bytes.into());
    }

    /// Sends packets of at most `size` bytes.
    pub(crate) fn send_in_packets(&self, bytes: impl Into<Bytes>, size: usize) {
        let mut bytes = bytes.into();
        while !bytes.is_empty() {
            self.send(bytes.split_to(size.min(bytes.len())));
        }
    }

    /// Sends a packet and waits until all tasks are idle.
    pub(crate) async fn say(&self, bytes: impl Into<Bytes>) {
        self.send(bytes);
        self.quiet().await;
    }

    /// Shuts this side down.
    pub(crate) fn end(&self) {
        self.wire.give_end();
    }

    pub(crate) fn reset(&self) {
        self.wire.give_reset();
    }

    /// Waits until all tasks are idle: paused time advances only then.
    pub(crate) async fn quiet(&self) {
        sleep(Duration::from_millis(1)).await;
    }

    /// Everything received so far.
    pub(crate) fn answers(&self) -> Answers {
        let wire = self.wire.lock();
        // A full transport has sent all of its bytes; one with room may buffer them until the
        // flush.
        let sent = if wire.room == 0 { wire.output.len() } else { wire.flushed };
        Answers::parse(&wire.output[..sent])
    }

    /// The only response to a request, which must be complete.
    pub(crate) fn answer(&self, id: u16) -> Answer {
        let answer = self.answers().of(id).clone();
        assert!(answer.is_whole(), "{answer:?}");
        answer
    }

    /// Forgets earlier responses, sends a packet, waits, and returns the response.
    pub(crate) async fn ask(&self, id: u16, bytes: impl Into<Bytes>) -> Answer {
        self.forget();
        self.say(bytes).await;
        self.answer(id)
    }

    /// Discards everything received so far.
    pub(crate) fn forget(&self) {
        let mut wire = self.wire.lock();
        wire.output.clear();
        wire.flushed = 0;
        wire.writes.clear();
    }

    /// The sizes of the writes so far.
    pub(crate) fn writes(&self) -> Vec<usize> {
        self.wire.lock().writes.clone()
    }

    /// Bytes that the application has read.
    pub(crate) fn taken(&self) -> usize {
        self.wire.lock().taken
    }

    /// Whether the application's stream has ended, by a shutdown or a close.
    pub(crate) fn sees_end(&self) -> bool {
        let wire = self.wire.lock();
        wire.shut || wire.gone
    }

    /// Whether the application has dropped the transport.
    pub(crate) fn is_closed(&self) -> bool {
        self.wire.lock().gone
    }

    /// Whether the connection was closed with a reset.
    pub(crate) fn was_reset(&self) -> bool {
        self.wire.lock().reset
    }

    /// Waits for the end of the connection.
    pub(crate) async fn ended(&mut self) -> Result<(), Error> {
        let ended = timeout(HANGS, &mut self.connection).await.expect("the connection hangs");
        ended.expect("the connection panicked")
    }

    /// Waits for the end of the connection. Returns the elapsed time too.
    pub(crate) async fn ended_after(&mut self) -> (Result<(), Error>, Duration) {
        let start = Instant::now();
        let result = self.ended().await;
        (result, start.elapsed())
    }

    /// Drops the connection's future.
    pub(crate) async fn drop_connection(&mut self) {
        self.connection.abort();
        assert!((&mut self.connection).await.unwrap_err().is_cancelled());
    }
}
