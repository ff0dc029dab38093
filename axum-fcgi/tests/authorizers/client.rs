//! The HTTP client: a connection per request, as simple as possible.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// `alice:pw` and `eve:pw`.
pub(crate) const ALICE: &str = "Authorization: Basic YWxpY2U6cHc=\r\n";
pub(crate) const EVE: &str = "Authorization: Basic ZXZlOnB3\r\n";

/// Spellings of `/secret`, which the authorizer denies.
pub(crate) const SECRETS: [&str; 7] =
    ["/secret", "/%73ecret", "//secret", "/x/../secret", "/x/%2e%2e/secret", "/./secret", "/secret?q"];

/// Posts four bytes; returns the complete response.
pub(crate) fn post(to: SocketAddr, path: &str, header: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let request = format!(
        "POST {path} HTTP/1.0\r\nHost: example.org\r\n\
         Content-Type: text/plain\r\nContent-Length: 4\r\n{header}\r\nbody"
    );
    stream.write_all(request.as_bytes())?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response)?;
    Ok(String::from_utf8_lossy(&response).into_owned())
}
