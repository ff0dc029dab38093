//! Clients under a closed loop: each sends its next request after the previous response.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use test_support::{Result, wait_for};

const CLIENTS: usize = 8;

pub(crate) struct Clients {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    results: Mutex<Results>,
    stop: AtomicBool,
}

/// The results of the requests.
#[derive(Debug, Default)]
pub(crate) struct Results {
    /// Responses of each process, by its id.
    pub(crate) responses: BTreeMap<u32, usize>,
    pub(crate) lost: Vec<String>,
}

impl Clients {
    pub(crate) fn start(port: u16) -> Self {
        let shared = Arc::new(Shared::default());
        let start = |client| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || send_requests(port, client, &shared))
        };
        let threads = (0..CLIENTS).map(start).collect();
        Self { shared, threads }
    }

    /// Waits for `more` responses from all processes together, and for as many from this process.
    pub(crate) fn wait_for_responses(&self, more: usize, process: u32) -> Result {
        let count = || {
            let results = self.shared.results.lock().expect("no client panics");
            let of_process = results.responses.get(&process).copied().unwrap_or_default();
            (results.responses.values().sum::<usize>(), of_process, results.lost.first().cloned())
        };
        let (all, of_process, _) = count();
        wait_for("responses", || match count() {
            (_, _, Some(lost)) => Err(format!("a request is lost: {lost}").into()),
            (all_now, now, None) => Ok(all_now >= all + more && now >= of_process + more),
        })
    }

    /// Stops the clients after the responses to their last requests.
    pub(crate) fn stop(self) -> Results {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("no client panics"));
        std::mem::take(&mut self.shared.results.lock().expect("no client panics"))
    }
}

fn send_requests(port: u16, client: usize, shared: &Shared) {
    let mut connection = None;
    for number in 0.. {
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        let text = format!("{client}-{number}");
        // Half of the clients send slow requests, so that some are in flight whenever an instance gets SIGTERM.
        let path = if client.is_multiple_of(2) { format!("/quick/{text}") } else { format!("/slow/{text}") };
        let response = send_request(&mut connection, port, &path);
        let mut results = shared.results.lock().expect("no client panics");
        match response {
            Ok((head, body)) => {
                match body.split_once(' ').and_then(|(id, echo)| Some((id.parse().ok()?, echo))) {
                    Some((id, echo)) if echo == text && head.starts_with("HTTP/1.1 200") => {
                        *results.responses.entry(id).or_default() += 1;
                    }
                    _ => results.lost.push(format!("{path}: {head}{body}")),
                }
            }
            Err(error) => results.lost.push(format!("{path}: {error}")),
        }
    }
}

/// Sends a request on the kept connection, or on a new one, and reads the whole response.
fn send_request(
    kept: &mut Option<BufReader<TcpStream>>,
    port: u16,
    path: &str,
) -> io::Result<(String, String)> {
    let mut io = match kept.take() {
        Some(io) => io,
        None => BufReader::new(TcpStream::connect(("127.0.0.1", port))?),
    };
    // Turns a hang into a failure.
    io.get_ref().set_read_timeout(Some(Duration::from_secs(60)))?;
    io.get_mut().write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())?;
    let (mut head, mut length, mut last) = (String::new(), None, false);
    loop {
        let start = head.len();
        if io.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = head[start..].trim_end().to_ascii_lowercase();
        match line.split_once(": ") {
            Some(("content-length", value)) => length = value.parse().ok(),
            Some(("connection", value)) => last = value == "close",
            _ if line.is_empty() => break,
            _ => {}
        }
    }
    let length: usize = length.ok_or_else(|| io::Error::other(format!("no length: {head}")))?;
    let mut body = vec![0; length];
    io.read_exact(&mut body)?;
    // nginx closes a connection after 1000 requests, and announces it with `Connection: close`.
    *kept = (!last).then_some(io);
    Ok((head, String::from_utf8_lossy(&body).into_owned()))
}
