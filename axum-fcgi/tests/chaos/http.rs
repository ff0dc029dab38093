//! An HTTP/1.1 client that accepts only responses that their framing marks complete.

use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Turns a hang into a failure.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Connection(BufReader<TcpStream>);

#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    framing: Framing,
    /// Whether the server closes the connection after the response.
    last: bool,
}

#[derive(Debug, Clone, Copy)]
enum Framing {
    Length(usize),
    Chunked,
}

/// A complete response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) last: bool,
}

impl Connection {
    pub(crate) fn open(port: u16) -> io::Result<Self> {
        let io = TcpStream::connect(("127.0.0.1", port))?;
        io.set_read_timeout(Some(LIMIT))?;
        io.set_write_timeout(Some(LIMIT))?;
        Ok(Self(BufReader::new(io)))
    }

    pub(crate) fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.0.get_mut().write_all(request)
    }

    pub(crate) fn head(&mut self) -> io::Result<Head> {
        let line = self.line()?;
        let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        let status = status.ok_or_else(|| invalid(&format!("no status line: {line:?}")))?;
        let (mut framing, mut last) = (None, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.split_once(": ") {
                Some(("content-length", value)) => framing = value.parse().ok().map(Framing::Length),
                Some(("transfer-encoding", "chunked")) => framing = Some(Framing::Chunked),
                Some(("connection", value)) => last = value == "close",
                _ if line.is_empty() => break,
                _ => {}
            }
        }
        // A response that ends with the connection could be incomplete.
        let framing = framing.ok_or_else(|| invalid("neither a length nor chunks"))?;
        Ok(Head { status, framing, last })
    }

    /// Waits for the body's first bytes, which may be chunk framing.
    pub(crate) fn some_of_the_body(&mut self) -> io::Result<()> {
        if self.0.fill_buf()?.is_empty() { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    pub(crate) fn rest(&mut self, head: &Head) -> io::Result<Response> {
        let mut body = Vec::new();
        match head.framing {
            Framing::Length(len) => self.read(len, &mut body)?,
            Framing::Chunked => loop {
                let line = self.line()?;
                let len = usize::from_str_radix(&line, 16);
                let len = len.map_err(|_| invalid(&format!("no chunk: {line:?}")))?;
                self.read(len, &mut body)?;
                if !self.line()?.is_empty() {
                    return Err(invalid("a chunk is longer than its size"));
                }
                if len == 0 {
                    break;
                }
            },
        }
        if !self.0.buffer().is_empty() {
            return Err(invalid("bytes after the response"));
        }
        Ok(Response { status: head.status, body, last: head.last })
    }

    fn read(&mut self, len: usize, into: &mut Vec<u8>) -> io::Result<()> {
        let start = into.len();
        into.resize(start + len, 0);
        self.0.read_exact(&mut into[start..])
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line)?;
        let line = line.strip_suffix(b"\r\n").ok_or(ErrorKind::UnexpectedEof)?;
        String::from_utf8(line.to_vec()).map_err(|_| invalid("a line that is no text"))
    }
}

/// An error that no disturbance explains, unlike an early end.
fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}
