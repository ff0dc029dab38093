//! Clients that keep their connections, and send one request after another.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use test_support::Result;

/// The request that each client sends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'static str,
    /// Header lines, each with its CRLF.
    pub(crate) headers: &'a str,
    pub(crate) body: Body,
}

/// The body of a request, and the expected response.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body {
    None,
    /// A short body, which comes back.
    Echoed,
    /// A body of this length, which the application does not read.
    Unread(usize),
}

/// Sends this many requests to a port of the loopback interface; returns the errors of the lost ones.
pub(crate) fn send(port: u16, clients: usize, requests: usize, request: Request<'_>) -> Vec<String> {
    let left = AtomicUsize::new(requests);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(|| send_all(port, &left, request))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a client does not panic")).collect()
    })
}

fn send_all(port: u16, left: &AtomicUsize, request: Request<'_>) -> Vec<String> {
    let (mut kept, mut lost) = (None, Vec::new());
    let next = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).ok();
    while let Some(number) = next() {
        if let Err(error) = ask(&mut kept, port, number, request) {
            kept = None;
            lost.push(error.to_string());
        }
    }
    lost
}

/// Uses the kept connection, if any, and keeps the connection if it can be reused.
fn ask(kept: &mut Option<BufReader<TcpStream>>, port: u16, number: usize, request: Request<'_>) -> Result {
    let Request { method, headers, body } = request;
    let mut stream = match kept.take() {
        Some(stream) => stream,
        None => connect(port)?,
    };
    let (path, body, expected) = match body {
        Body::None => ("app", String::new(), String::new()),
        Body::Echoed => {
            ("app", format!("the body of request {number}"), format!("the body of request {number}"))
        }
        Body::Unread(bytes) => ("unread", "x".repeat(bytes), "unread".to_owned()),
    };
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head = format!("{method} /{path}/{number} HTTP/1.1\r\nHost: example.org\r\n{headers}{length}\r\n");
    let written = stream.get_mut().write_all((head + &body).as_bytes());
    // The response may come before the whole body was read.
    if expected == body {
        written?;
    }

    let (mut status, mut length, mut closes) = (String::new(), None, false);
    stream.read_line(&mut status)?;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        let Some((name, value)) = line.split_once(": ") else { break };
        match name {
            "content-length" => length = value.parse().ok(),
            "connection" => closes = value == "close",
            _ => {}
        }
    }
    let mut response = vec![0; length.ok_or_else(|| format!("no length: {status:?}"))?];
    stream.read_exact(&mut response)?;
    if !status.starts_with("HTTP/1.1 200 ") || response != expected.as_bytes() {
        return Err(format!("{status:?}").into());
    }
    if !closes && expected == body {
        *kept = Some(stream);
    }
    Ok(())
}

fn connect(port: u16) -> Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    // Turns a hang into a failure.
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    Ok(BufReader::new(stream))
}
