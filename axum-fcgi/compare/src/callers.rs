//! Sends a fixed number of requests to a web server, for counters.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    thread,
};

use crate::headers;

/// A GET with a browser's headers, and the end of its response.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Get {
    pub(crate) port: u16,
    pub(crate) path: &'static str,
    /// The last bytes of each response, and nowhere else in it.
    pub(crate) end: &'static str,
}

impl Get {
    /// Sends this number of requests, from this number of threads with a connection each.
    ///
    /// # Errors
    /// A response is not `200 OK` with `Hello, World!`.
    pub(crate) fn send(self, callers: usize, requests: usize) -> io::Result<()> {
        let callers = (0..callers).map(|_| thread::spawn(move || self.send_sequentially(requests / callers)));
        callers.collect::<Vec<_>>().into_iter().try_for_each(|caller| {
            caller.join().unwrap_or_else(|_| Err(io::Error::other("a caller panicked")))
        })
    }

    fn send_sequentially(self, requests: usize) -> io::Result<()> {
        let Self { port, path, end } = self;
        let mut request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n");
        for (name, value) in headers::NAVIGATION.into_iter().filter(|(name, _)| *name != "host") {
            request += &format!("{name}: {value}\r\n");
        }
        request += "\r\n";
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        for _ in 0..requests {
            stream.write_all(request.as_bytes())?;
            let mut response = Vec::new();
            while !response.ends_with(end.as_bytes()) {
                let mut chunk = [0; 4096];
                let read = stream.read(&mut chunk)?;
                response.extend_from_slice(&chunk[..read]);
                let text = String::from_utf8_lossy(&response);
                if read == 0 || (text.contains("\r\n\r\n") && !text.starts_with("HTTP/1.1 200 OK\r\n")) {
                    return Err(io::Error::other(format!("unexpected response: {text}")));
                }
            }
            if !String::from_utf8_lossy(&response).contains("Hello, World!") {
                return Err(io::Error::other("unexpected response body"));
            }
        }
        Ok(())
    }
}
