//! Sends bytes, and looks for the answers in what comes back.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use test_support::Result;

/// What came back, to the end of the connection.
pub(crate) struct Came {
    pub(crate) from: SocketAddr,
    text: String,
}

/// Sends bytes on a connection of their own. The web server ends it: behind the last request, or when it waits in vain for
/// more of one.
pub(crate) fn send(port: u16, bytes: &[u8], ends: bool) -> Result<Came> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    // Turns a hang into a failure.
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let from = stream.local_addr()?;
    // It may have heard enough before it has all.
    let _ = stream.write_all(bytes);
    if ends {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut came = Vec::new();
    match stream.read_to_end(&mut came) {
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => drop(other?),
    }
    Ok(Came { from, text: String::from_utf8_lossy(&came).into_owned() })
}

impl Came {
    /// The numbers of the application's answers in it.
    pub(crate) fn answers(&self) -> Vec<usize> {
        let marks = self.text.split("answer=").skip(1);
        let mut numbers: Vec<usize> = marks.filter_map(|rest| rest.split(';').next()?.parse().ok()).collect();
        // Most have it in the head and in the body.
        numbers.dedup();
        numbers
    }

    /// The first line.
    pub(crate) fn start(&self) -> &str {
        self.text.lines().next().unwrap_or("nothing")
    }
}
