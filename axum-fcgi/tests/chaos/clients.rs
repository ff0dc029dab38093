//! Those who ask, on and on: each sends its next request once it knows what became of the one before.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use test_support::{Result, wait_for};

use crate::application::summary;
use crate::http::{Answer, Connection};
use crate::pattern::{Random, pattern};
use crate::setup::{Clientele, Length};

pub(crate) const CLIENTS: u64 = 8;

pub(crate) struct Clients {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    told: Mutex<Told>,
    stop: AtomicBool,
}

/// What became of the requests.
#[derive(Debug, Default, Clone)]
pub(crate) struct Told {
    /// Answers that were whole by their framing, had the status 200, and were right.
    pub(crate) good: usize,
    /// What the clients know to have failed, by how they know.
    pub(crate) failed: BTreeMap<String, usize>,
    /// What looked good and was not, or nothing excuses.
    pub(crate) wrong: Vec<String>,
}

impl Told {
    pub(crate) fn failures(&self) -> usize {
        self.failures_but(&[])
    }

    /// Without some.
    pub(crate) fn failures_but(&self, these: &[&str]) -> usize {
        let others = self.failed.iter().filter(|(how, _)| !these.contains(&how.as_str()));
        others.map(|(_, count)| count).sum()
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} good, {} failed {:?}", self.good, self.failures(), self.failed)
    }
}

impl Clients {
    pub(crate) fn start(port: u16, clientele: Clientele) -> Self {
        let shared = Arc::new(Shared::default());
        let start = |client| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || ask_on(port, client, clientele, &shared))
        };
        Self { threads: (0..CLIENTS).map(start).collect(), shared }
    }

    pub(crate) fn told(&self) -> Told {
        lock(&self.shared).clone()
    }

    /// Until there are as many more that are good.
    pub(crate) fn wait_for_good(&self, more: usize) -> Result {
        let before = self.told().good;
        self.wait_for("good answers", |told| told.good >= before + more)
    }

    /// Until as many more have failed.
    pub(crate) fn wait_for_failures(&self, more: usize) -> Result {
        let before = self.told().failures();
        self.wait_for("failures", |told| told.failures() >= before + more)
    }

    fn wait_for(&self, what: &str, enough: impl Fn(&Told) -> bool) -> Result {
        let waited = wait_for(what, || {
            let told = lock(&self.shared);
            match told.wrong.first() {
                Some(wrong) => Err(wrong.clone().into()),
                None => Ok(enough(&told)),
            }
        });
        waited.map_err(|error| format!("{error}; {}", self.told()).into())
    }

    /// Once all know what became of their last request.
    pub(crate) fn stop(self) -> Result<Told> {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().map_err(|_| "a client has panicked")?;
        }
        let told = lock(&self.shared).clone();
        if told.wrong.is_empty() { Ok(told) } else { Err(format!("{:?}", told.wrong).into()) }
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, Told> {
    shared.told.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ask_on(port: u16, client: u64, clientele: Clientele, shared: &Shared) {
    let mut random = Random::new(client + 1);
    let mut kept = None;
    while !shared.stop.load(Ordering::Relaxed) {
        let request = Request::any(&mut random, clientele);
        let answer = request.ask(&mut kept, port);
        let mut told = lock(shared);
        match answer {
            Ok(answer) if answer.status == 200 && answer.body == request.expected => told.good += 1,
            Ok(answer) if matches!(answer.status, 500 | 502..=504) => {
                *told.failed.entry(answer.status.to_string()).or_default() += 1;
            }
            Ok(Answer { status, body, .. }) => {
                told.wrong.push(format!("{}: {status}, {} bytes", request.what, body.len()));
            }
            // Nothing that is done to the servers lasts so long, or makes them say what is not HTTP.
            Err(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::WouldBlock) => {
                told.wrong.push(format!("{}: {error}", request.what));
            }
            Err(error) => {
                *told.failed.entry(format!("{:?}", error.kind())).or_default() += 1;
                drop(told);
                // There is no point in asking a port that refuses as fast as can be.
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// A request, and what it has to be answered.
struct Request {
    what: String,
    bytes: Vec<u8>,
    expected: Vec<u8>,
}

impl Request {
    fn any(random: &mut Random, clientele: Clientele) -> Self {
        let seed = random.below(u64::MAX);
        // Small ones, and those that do not fit into the web server's buffers and take a while.
        let longest = if random.below(3) == 0 { 200_000 } else { 2_000 };
        let len = 1 + random.below(longest) as usize;
        let close = if clientele.keep { "" } else { "Connection: close\r\n" };
        if random.below(4) == 0 {
            let body = pattern(seed, 0, len);
            let mut bytes =
                format!("POST /up HTTP/1.1\r\nHost: h\r\n{close}Content-Length: {len}\r\n\r\n").into_bytes();
            bytes.extend(&body);
            return Self { what: format!("{len} bytes up"), bytes, expected: summary(&body).into_bytes() };
        }
        let streamed = clientele.longest_tale == Length::Unknown && random.below(2) == 0;
        let what = format!("/{}/{seed}/{len}", if streamed { "streamed" } else { "declared" });
        Self {
            bytes: format!("GET {what} HTTP/1.1\r\nHost: h\r\n{close}\r\n").into_bytes(),
            what,
            expected: pattern(seed, 0, len),
        }
    }

    /// On a connection that is kept as long as it can be.
    fn ask(&self, kept: &mut Option<Connection>, port: u16) -> io::Result<Answer> {
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => Connection::open(port)?,
        };
        connection.send(&self.bytes)?;
        let head = connection.head()?;
        let answer = connection.rest(&head)?;
        *kept = (!answer.last).then_some(connection);
        Ok(answer)
    }
}
