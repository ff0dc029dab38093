//! Sends a request byte for byte, and reads the response.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use test_support::Result;

use crate::case::{Body, Case, Setup};
use crate::response::{Response, is_whole};

/// Sends a case to a server on a loopback port.
pub(crate) fn send(port: u16, case: &Case, setup: Setup) -> Result<Response> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    // Turns a hang into a failure.
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let client_port = stream.local_addr()?.port();
    let mut received = Vec::new();
    // A server may respond and close before it has read everything.
    let _ = stream.write_all(&case.head(setup));
    match &case.body {
        Body::Empty => {}
        Body::Sized(body) | Body::Raw(body) => drop(stream.write_all(body)),
        Body::Ends(body) => {
            let _ = stream.write_all(body);
            let _ = stream.shutdown(Shutdown::Write);
        }
        Body::Expected(body) => {
            let has_responded =
                |received: &[u8]| received.ends_with(b"\r\n\r\n") || is_whole(received, false);
            read_until(&mut stream, &mut received, has_responded)?;
            if received.starts_with(b"HTTP/1.1 100 ") {
                let _ = stream.write_all(body);
            }
        }
    }
    let is_head = case.method == "HEAD";
    read_until(&mut stream, &mut received, |received| is_whole(received, is_head))?;
    Response::parse(&received, is_head, [client_port, port])
}

/// Reads until `done`, or up to the end of the connection. A server that has responded early may keep it open for the
/// rest of the request.
fn read_until(stream: &mut TcpStream, received: &mut Vec<u8>, done: impl Fn(&[u8]) -> bool) -> Result {
    let mut buffer = vec![0; 64 * 1024];
    while !done(received) {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => received.extend(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
