//! Sends one request whose target reaches the web server byte for byte.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use test_support::Result;

/// Returns the status and the complete response. `sent`: the method, a space and the target.
pub(crate) fn send(port: u16, host: &str, sent: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    // Turns a hang into a failure.
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let body = if sent.starts_with("POST ") { "body" } else { "" };
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head = format!("{sent} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{length}\r\n{body}");
    stream.write_all(head.as_bytes())?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response)?;
    let response = String::from_utf8_lossy(&response).into_owned();
    let status = response.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or("a response without a status")?, response))
}
