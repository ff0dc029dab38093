//! Those who ask, on and on: each sends its next request once it has the answer to the one before.

use std::collections::BTreeSet;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use web_servers::{Result, wait_for};

const CLIENTS: usize = 8;

pub(crate) struct Clients {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Told>>,
}

#[derive(Default)]
struct Shared {
    answers: AtomicUsize,
    stop: AtomicBool,
}

/// What one client tells in the end.
#[derive(Default)]
struct Told {
    answered: usize,
    lost: Vec<String>,
    /// The processes that have answered.
    by: BTreeSet<String>,
}

impl Clients {
    pub(crate) fn start(port: u16) -> Self {
        let shared = Arc::new(Shared::default());
        let start = |client| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || client_of(port, client, &shared))
        };
        let threads = (0..CLIENTS).map(start).collect();
        Self { shared, threads }
    }

    /// Until there are so many more.
    pub(crate) fn wait_for_answers(&self, more: usize) -> Result {
        let enough = self.shared.answers.load(Ordering::Relaxed) + more;
        wait_for("answers", || Ok(self.shared.answers.load(Ordering::Relaxed) >= enough))
    }

    /// How many requests had their answer, what became of the others, and the processes that have answered.
    pub(crate) fn stop(self) -> (usize, Vec<String>, BTreeSet<String>) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut all = Told::default();
        for thread in self.threads {
            let told = thread.join().expect("a client does not panic");
            all.answered += told.answered;
            all.lost.extend(told.lost);
            all.by.extend(told.by);
        }
        (all.answered, all.lost, all.by)
    }
}

fn client_of(port: u16, client: usize, shared: &Shared) -> Told {
    let mut told = Told::default();
    let mut connection = None;
    let mut number = 0;
    while !shared.stop.load(Ordering::Relaxed) {
        number += 1;
        let text = format!("{client}-{number}");
        // Half of the clients ask for what takes a while, so that requests are under way whenever an instance is told to
        // end.
        let path = if client.is_multiple_of(2) { format!("/quick/{text}") } else { format!("/slow/{text}") };
        match ask(&mut connection, port, &path) {
            Ok((head, body)) => match body.split_once(' ') {
                Some((instance, echo)) if echo == text && head.starts_with("HTTP/1.1 200") => {
                    told.answered += 1;
                    told.by.insert(instance.to_owned());
                }
                _ => told.lost.push(format!("{path}: {head}{body}")),
            },
            Err(error) => {
                connection = None;
                told.lost.push(format!("{path}: {error}"));
            }
        }
        shared.answers.fetch_add(1, Ordering::Relaxed);
    }
    told
}

/// One request on a connection that is kept, and all of its answer.
fn ask(kept: &mut Option<BufReader<TcpStream>>, port: u16, path: &str) -> io::Result<(String, String)> {
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
    // nginx ends a connection after 1000 requests, and says so.
    *kept = (!last).then_some(io);
    Ok((head, String::from_utf8_lossy(&body).into_owned()))
}
