//! Clients under load: each sends its next request once the previous one has succeeded or failed.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use test_support::{Result, wait_for};

use crate::application::summary;
use crate::http::{Connection, Response};
use crate::pattern::{Random, pattern};
use crate::setup::{Length, Workload};

pub(crate) const CLIENTS: u64 = 8;

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
#[derive(Debug, Default, Clone)]
pub(crate) struct Results {
    /// Responses that were complete by their framing, had status 200, and were correct.
    pub(crate) good: usize,
    /// Failures that the client noticed, by their kind.
    pub(crate) failed: BTreeMap<String, usize>,
    /// Responses that looked complete but were wrong, and unexpected errors.
    pub(crate) wrong: Vec<String>,
}

impl Results {
    pub(crate) fn failures(&self) -> usize {
        self.failures_but(&[])
    }

    /// The failures except these kinds.
    pub(crate) fn failures_but(&self, these: &[&str]) -> usize {
        let others = self.failed.iter().filter(|(how, _)| !these.contains(&how.as_str()));
        others.map(|(_, count)| count).sum()
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} good, {} failed {:?}", self.good, self.failures(), self.failed)
    }
}

impl Clients {
    pub(crate) fn start(port: u16, workload: Workload) -> Self {
        let shared = Arc::new(Shared::default());
        let start = |client| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || run_client(port, client, workload, &shared))
        };
        Self { threads: (0..CLIENTS).map(start).collect(), shared }
    }

    pub(crate) fn results(&self) -> Results {
        lock(&self.shared).clone()
    }

    /// Waits for this many more good responses.
    pub(crate) fn wait_for_good(&self, more: usize) -> Result {
        let before = self.results().good;
        self.wait_for("good responses", |results| results.good >= before + more)
    }

    /// Waits for this many more failures.
    pub(crate) fn wait_for_failures(&self, more: usize) -> Result {
        let before = self.results().failures();
        self.wait_for("failures", |results| results.failures() >= before + more)
    }

    fn wait_for(&self, what: &str, enough: impl Fn(&Results) -> bool) -> Result {
        let waited = wait_for(what, || {
            let results = lock(&self.shared);
            match results.wrong.first() {
                Some(wrong) => Err(wrong.clone().into()),
                None => Ok(enough(&results)),
            }
        });
        waited.map_err(|error| format!("{error}; {}", self.results()).into())
    }

    /// Stops once every client knows the result of its last request.
    pub(crate) fn stop(self) -> Result<Results> {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().map_err(|_| "a client has panicked")?;
        }
        let results = lock(&self.shared).clone();
        if results.wrong.is_empty() { Ok(results) } else { Err(format!("{:?}", results.wrong).into()) }
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, Results> {
    shared.results.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run_client(port: u16, client: u64, workload: Workload, shared: &Shared) {
    let mut random = Random::new(client + 1);
    let mut kept = None;
    while !shared.stop.load(Ordering::Relaxed) {
        let request = Request::any(&mut random, workload);
        let response = request.ask(&mut kept, port);
        let mut results = lock(shared);
        match response {
            Ok(response) if response.status == 200 && response.body == request.expected => results.good += 1,
            Ok(response) if matches!(response.status, 500 | 502..=504) => {
                *results.failed.entry(response.status.to_string()).or_default() += 1;
            }
            Ok(Response { status, body, .. }) => {
                results.wrong.push(format!("{}: {status}, {} bytes", request.what, body.len()));
            }
            // No disturbance lasts that long, or makes a server send invalid HTTP.
            Err(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::WouldBlock) => {
                results.wrong.push(format!("{}: {error}", request.what));
            }
            Err(error) => {
                *results.failed.entry(format!("{:?}", error.kind())).or_default() += 1;
                drop(results);
                // A pause, so that the client does not loop while the port refuses connections.
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// A request, and the expected response.
struct Request {
    what: String,
    bytes: Vec<u8>,
    expected: Vec<u8>,
}

impl Request {
    fn any(random: &mut Random, workload: Workload) -> Self {
        let seed = random.below(u64::MAX);
        // Small ones, and large ones that exceed the web server's buffers and take a while.
        let longest = if random.below(3) == 0 { 200_000 } else { 2_000 };
        let len = 1 + random.below(longest) as usize;
        let close = if workload.keep { "" } else { "Connection: close\r\n" };
        if random.below(4) == 0 {
            let body = pattern(seed, 0, len);
            let mut bytes =
                format!("POST /up HTTP/1.1\r\nHost: h\r\n{close}Content-Length: {len}\r\n\r\n").into_bytes();
            bytes.extend(&body);
            return Self { what: format!("{len} bytes up"), bytes, expected: summary(&body).into_bytes() };
        }
        let streamed = workload.length == Length::Unknown && random.below(2) == 0;
        let what = format!("/{}/{seed}/{len}", if streamed { "streamed" } else { "declared" });
        Self {
            bytes: format!("GET {what} HTTP/1.1\r\nHost: h\r\n{close}\r\n").into_bytes(),
            what,
            expected: pattern(seed, 0, len),
        }
    }

    /// On the kept connection, if possible.
    fn ask(&self, kept: &mut Option<Connection>, port: u16) -> io::Result<Response> {
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => Connection::open(port)?,
        };
        connection.send(&self.bytes)?;
        let head = connection.head()?;
        let response = connection.rest(&head)?;
        *kept = (!response.last).then_some(connection);
        Ok(response)
    }
}
