//! The web server's side of a connection.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use fcgi_core::{BeginRequest, RecordHeader, RecordType, RequestId, Role, encode_pair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use crate::response::Response;

/// Body bytes per record.
const RECORD: usize = 32 * 1024;

pub(crate) struct Connection {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    responses: BTreeMap<u16, Response>,
}

impl Connection {
    pub(crate) async fn open(path: &Path) -> io::Result<Self> {
        let (reader, writer) = UnixStream::connect(path).await?.into_split();
        Ok(Self { reader: BufReader::with_capacity(64 * 1024, reader), writer, responses: BTreeMap::new() })
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes).await
    }

    /// Sends `bytes` and reads until the requests `ids` have ended. Both at once, or neither side could make progress.
    pub(crate) async fn exchange(&mut self, bytes: &[u8], ids: &[u16]) -> io::Result<()> {
        let Self { reader, writer, responses } = self;
        let ended = async {
            while !ids.iter().all(|id| responses.get(id).is_some_and(Response::has_ended)) {
                add(responses, read(reader).await?)?;
            }
            Ok(())
        };
        tokio::try_join!(writer.write_all(bytes), ended).map(drop)
    }

    /// Reads until a response has this many bytes of STDOUT, or has ended.
    pub(crate) async fn read_some(&mut self, id: u16, bytes: usize) -> io::Result<()> {
        while self.responses.get(&id).is_none_or(|response| response.len() < bytes && !response.has_ended()) {
            let record = read(&mut self.reader).await?;
            add(&mut self.responses, record)?;
        }
        Ok(())
    }

    /// Removes a response, so that its id can be used again.
    pub(crate) fn take(&mut self, id: u16) -> Response {
        self.responses.remove(&id).unwrap_or_default()
    }

    /// Shuts down, and returns whether the stream ends without more bytes.
    pub(crate) async fn ends(mut self) -> io::Result<bool> {
        self.writer.shutdown().await?;
        Ok(self.reader.read_u8().await.is_err_and(|error| error.kind() == io::ErrorKind::UnexpectedEof))
    }
}

async fn read(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<(RecordHeader, Vec<u8>)> {
    let mut header = [0; RecordHeader::LEN];
    reader.read_exact(&mut header).await?;
    let header = RecordHeader::decode(header).map_err(|error| io::Error::other(format!("{error:?}")))?;
    let mut content = vec![0; usize::from(header.content_len) + usize::from(header.padding_len)];
    reader.read_exact(&mut content).await?;
    content.truncate(header.content_len.into());
    Ok((header, content))
}

fn add(responses: &mut BTreeMap<u16, Response>, record: (RecordHeader, Vec<u8>)) -> io::Result<()> {
    let (RecordHeader { kind, id, .. }, content) = record;
    if responses.entry(id.0).or_default().add(kind, &content) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, format!("unexpected {kind:?} for request {}", id.0)))
}

fn record(kind: RecordType, id: u16, content: &[u8], into: &mut Vec<u8>) {
    let len = u16::try_from(content.len()).unwrap_or(u16::MAX);
    into.extend(RecordHeader::new(kind, RequestId(id), len).encode());
    into.extend(&content[..len.into()]);
}

/// Encodes BEGIN_REQUEST and PARAMS.
pub(crate) fn head(id: u16, keep_conn: bool, method: &str, uri: &str, length: Option<usize>) -> Vec<u8> {
    let mut bytes = Vec::new();
    record(
        RecordType::BEGIN_REQUEST,
        id,
        &BeginRequest { role: Role::RESPONDER, keep_conn }.encode(),
        &mut bytes,
    );
    let length = length.map_or_else(String::new, |length| length.to_string());
    let mut pairs = Vec::new();
    for (name, value) in [
        ("REQUEST_METHOD", method),
        ("REQUEST_URI", uri),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("CONTENT_LENGTH", &length),
        ("REMOTE_ADDR", "192.0.2.1"),
        ("HTTP_HOST", "example.org"),
        ("HTTP_USER_AGENT", "soak"),
    ] {
        encode_pair(&mut pairs, name.as_bytes(), value.as_bytes());
    }
    record(RecordType::PARAMS, id, &pairs, &mut bytes);
    record(RecordType::PARAMS, id, b"", &mut bytes);
    bytes
}

/// Encodes part of a body.
pub(crate) fn stdin(id: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in body.chunks(RECORD) {
        record(RecordType::STDIN, id, chunk, &mut bytes);
    }
    bytes
}

/// Encodes the end of a body.
pub(crate) fn end(id: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    record(RecordType::STDIN, id, b"", &mut bytes);
    bytes
}

pub(crate) fn abort(id: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    record(RecordType::ABORT_REQUEST, id, b"", &mut bytes);
    bytes
}
