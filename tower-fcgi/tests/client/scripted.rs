//! An application that is scripted record by record.

use bytes::Bytes;
use fcgi_core::{EndRequest, ProtocolStatus, RecordDecoder, RecordHeader, RecordType, RequestId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinHandle;
use tower_fcgi::client::{self, Config, SendRequest};

use crate::loopback::Body;

/// The application's end of a connection.
pub(crate) struct Application {
    pub(crate) io: DuplexStream,
    decoder: RecordDecoder,
    /// Bytes that were read and not decoded.
    buffer: Vec<u8>,
    content: Vec<u8>,
}

pub(crate) type WebServer = JoinHandle<Result<(), client::Error>>;

pub(crate) fn connect(config: Config) -> (SendRequest<Body>, WebServer, Application) {
    let (server, io) = tokio::io::duplex(1 << 20);
    let (sender, connection) = client::handshake(server, config);
    (sender, tokio::spawn(connection), Application::new(io))
}

/// The builder of a pool, and the other ends of its connections.
macro_rules! builder {
    ($connections:expr, $config:expr) => {{
        let (connected, connections) = tokio::sync::mpsc::unbounded_channel::<tokio::io::DuplexStream>();
        let builder = tower_fcgi::client::Pool::builder(move || {
            let (ours, theirs) = tokio::io::duplex(1 << 20);
            let sent = connected.send(theirs);
            async move { sent.map(|()| ours).map_err(|_| std::io::ErrorKind::ConnectionRefused.into()) }
        });
        (builder.max_size($connections).config($config), connections)
    }};
}
pub(crate) use builder;

impl Application {
    pub(crate) fn new(io: DuplexStream) -> Self {
        Self { io, decoder: RecordDecoder::new(), buffer: Vec::new(), content: Vec::new() }
    }

    /// The next record; `None` at the end of the stream.
    pub(crate) async fn record(&mut self) -> Option<(RecordType, Bytes)> {
        self.record_with_id().await.map(|(_, kind, content)| (kind, content))
    }

    /// As [`record`](Self::record), with its request id.
    pub(crate) async fn record_with_id(&mut self) -> Option<(u16, RecordType, Bytes)> {
        loop {
            let mut input = &self.buffer[..];
            while let Some(fragment) = self.decoder.next(&mut input).unwrap() {
                self.content.extend_from_slice(fragment.content);
                if fragment.is_last {
                    let (header, left) = (fragment.header, input.len());
                    self.buffer.drain(..self.buffer.len() - left);
                    return Some((header.id.0, header.kind, std::mem::take(&mut self.content).into()));
                }
            }
            self.buffer.clear();
            if self.io.read_buf(&mut self.buffer).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// Reads to the end of STDIN.
    pub(crate) async fn request(&mut self) {
        self.read_to(RecordType::STDIN).await;
    }

    /// Reads to the empty record of this type.
    pub(crate) async fn read_to(&mut self, last: RecordType) {
        while let Some((kind, content)) = self.record().await {
            if kind == last && content.is_empty() {
                return;
            }
        }
        panic!("the stream ended before {last:?}");
    }

    pub(crate) async fn send(&mut self, wire: impl AsRef<[u8]>) {
        self.io.write_all(wire.as_ref()).await.unwrap();
    }
}

pub(crate) fn record(kind: RecordType, content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len()).unwrap();
    [&RecordHeader::new(kind, RequestId(1), len).encode()[..], content].concat()
}

/// A record with another request id.
pub(crate) fn with_id(id: u16, mut record: Vec<u8>) -> Vec<u8> {
    record[2..4].copy_from_slice(&id.to_be_bytes());
    record
}

/// A reply to GET_VALUES.
pub(crate) fn values(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut content = Vec::new();
    for (name, value) in pairs {
        fcgi_core::encode_pair(&mut content, name.as_bytes(), value.as_bytes());
    }
    with_id(0, record(RecordType::GET_VALUES_RESULT, &content))
}

pub(crate) fn stdout(content: impl AsRef<[u8]>) -> Vec<u8> {
    record(RecordType::STDOUT, content.as_ref())
}

pub(crate) fn end_with(protocol_status: ProtocolStatus) -> Vec<u8> {
    record(RecordType::END_REQUEST, &EndRequest { app_status: 0, protocol_status }.encode())
}

/// END_REQUEST alone, as PHP ends its responses.
pub(crate) fn end() -> Vec<u8> {
    end_with(ProtocolStatus::REQUEST_COMPLETE)
}

/// A complete response.
pub(crate) fn complete_response(body: &str) -> Vec<u8> {
    [stdout(format!("Content-Type: text/plain\r\n\r\n{body}")), end()].concat()
}
