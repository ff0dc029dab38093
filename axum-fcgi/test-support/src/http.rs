//! An HTTP client as plain as can be: a connection for each request.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::Result;

/// What a web server answered.
#[derive(Debug)]
pub struct Answer {
    /// The code.
    pub status: u16,
    /// The status line and the headers, as they came.
    pub head: String,
    /// The body.
    pub body: String,
}

/// Gets a path from the web server at a port.
///
/// # Errors
/// When there is no whole answer.
pub fn get(port: u16, path: &str) -> Result<Answer> {
    ask(port, "GET", path, "", "")
}

/// Sends a request with these lines of headers, each with its end, and this body.
///
/// In HTTP/1.0: an answer in chunks would have to be put together again.
///
/// # Errors
/// When there is no whole answer.
pub fn ask(port: u16, method: &str, path: &str, headers: &str, body: &str) -> Result<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    // Turns a hang into a failure.
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    write!(stream, "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n{headers}{length}\r\n{body}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("an answer without a head")?;
    let status =
        head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or("an answer without a status")?;
    Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
}
