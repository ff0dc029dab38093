//! A plain HTTP client: one connection per request.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::Result;

/// A response.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The status line and the headers, as received.
    pub head: String,
    /// The body.
    pub body: String,
}

/// Sends a GET to the web server on a loopback port.
///
/// # Errors
/// If there is no complete response.
pub fn get(port: u16, path: &str) -> Result<Answer> {
    ask(port, "GET", path, "", "")
}

/// Sends a request. `headers` are whole lines, each with its `\r\n`.
///
/// It uses HTTP/1.0, so that the response is not chunked.
///
/// # Errors
/// If there is no complete response.
pub fn ask(port: u16, method: &str, path: &str, headers: &str, body: &str) -> Result<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    // So that a hang is a failure.
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    write!(stream, "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n{headers}{length}\r\n{body}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("a response without a head")?;
    let status =
        head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or("a response without a status")?;
    Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
}
