//! The web server's end of a served connection.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tower_fcgi::{Builder, Config, ConnectionHandle, Error, FcgiService};

use crate::responses::{Answer, Answers};
use crate::wire::{Transport, Wire};

/// The web server's address, for the log.
pub(crate) const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9)), 4711);

/// A web server with one connection, served in a task.
pub(crate) struct WebServer {
    pub(crate) wire: Wire,
    pub(crate) handle: ConnectionHandle,
    connection: JoinHandle<Result<(), Error>>,
}

/// Longer than any timeout of the library: a connection that takes so long hangs.
const HANGS: Duration = Duration::from_secs(86_400);

/// The settings of a connection: a [`Config`], or a [`Builder`] where roles or advertised numbers are among them.
pub(crate) trait Settings {
    fn builder(self) -> Builder;
}

impl Settings for Config {
    fn builder(self) -> Builder {
        Builder::new().with_config(self)
    }
}

impl Settings for Builder {
    fn builder(self) -> Builder {
        self
    }
}

/// Serves with the default settings.
pub(crate) fn serve<S>(service: S) -> WebServer
where
    S: FcgiService,
{
    serve_with(Config::default(), service)
}

pub(crate) fn serve_with<S>(settings: impl Settings, service: S) -> WebServer
where
    S: FcgiService,
{
    serve_on(Wire::default(), settings, service)
}

pub(crate) fn serve_on<S>(wire: Wire, settings: impl Settings, service: S) -> WebServer
where
    S: FcgiService,
{
    let connection = settings.builder().serve_connection(wire.transport(), service);
    let connection = connection.on_incomplete_response(Transport::reset).peer(PEER);
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

    /// Sends a packet and waits until every task waits.
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

    /// Waits until every task waits: paused time advances only then.
    pub(crate) async fn quiet(&self) {
        sleep(Duration::from_millis(1)).await;
    }

    /// All responses so far.
    pub(crate) fn answers(&self) -> Answers {
        let wire = self.wire.lock();
        // A full transport has sent its bytes; one with room may hold them back until it is flushed.
        let sent = if wire.room == 0 { wire.output.len() } else { wire.flushed };
        Answers::parse(&wire.output[..sent])
    }

    /// The only response to a request, complete.
    pub(crate) fn answer(&self, id: u16) -> Answer {
        let answer = self.answers().of(id).clone();
        assert!(answer.is_whole(), "{answer:?}");
        answer
    }

    /// Sends a packet, waits, and returns the response; earlier ones are forgotten.
    pub(crate) async fn ask(&self, id: u16, bytes: impl Into<Bytes>) -> Answer {
        self.forget();
        self.say(bytes).await;
        self.answer(id)
    }

    /// Forgets the responses so far.
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

    /// Whether the application has dropped the connection.
    pub(crate) fn is_closed(&self) -> bool {
        self.wire.lock().gone
    }

    /// Whether the close was a reset.
    pub(crate) fn was_reset(&self) -> bool {
        self.wire.lock().reset
    }

    /// Waits for the end of the connection.
    pub(crate) async fn ended(&mut self) -> Result<(), Error> {
        let ended = timeout(HANGS, &mut self.connection).await.expect("the connection hangs");
        ended.expect("the connection panicked")
    }

    /// Waits for the end of the connection, and returns how long that took.
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
