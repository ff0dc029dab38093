//! Sends bytes, and finds the responses in what the web server sends back.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use test_support::Result;

/// The bytes that received back, up to the end of the connection.
pub(crate) struct Received {
    pub(crate) from: SocketAddr,
    text: String,
}

/// Sends bytes on a new connection. The web server closes it: after the last request, or when it times out
/// waiting for the rest of a request.
pub(crate) fn send(port: u16, bytes: &[u8], ends: bool) -> Result<Received> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    // Turns a hang into a failure.
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let from = stream.local_addr()?;
    // The web server may reject the request before it has read everything.
    let _ = stream.write_all(bytes);
    if ends {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut received = Vec::new();
    match stream.read_to_end(&mut received) {
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => drop(other?),
    }
    Ok(Received { from, text: String::from_utf8_lossy(&received).into_owned() })
}

impl Received {
    /// The numbers of the application's responses.
    pub(crate) fn response_numbers(&self) -> Vec<usize> {
        let marks = self.text.split("answer=").skip(1);
        let mut numbers: Vec<usize> = marks.filter_map(|rest| rest.split(';').next()?.parse().ok()).collect();
        // Most responses have it in the head and in the body.
        numbers.dedup();
        numbers
    }

    /// The first line.
    pub(crate) fn start(&self) -> &str {
        self.text.lines().next().unwrap_or("nothing")
    }
}
