//! The server's process, observed from outside.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::SERVE;
use crate::connection::{Connection, end, head};

/// The server's process, with a directory for its socket.
pub(crate) struct Server {
    process: Child,
    pid: u32,
    path: PathBuf,
    _folder: TempDir,
}

/// What the process holds while no request is in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    /// Tasks of the process's runtime.
    tasks: usize,
    /// Handlers that never complete.
    waiting: usize,
    /// Open descriptors.
    descriptors: usize,
}

/// Longest wait for ended requests to release everything.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Interval between two checks.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

impl Server {
    pub(crate) async fn start() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("fcgi.sock");
        let process = Command::new(env::current_exe()?).arg(SERVE).arg(&path).kill_on_drop(true).spawn()?;
        let pid = process.id().ok_or(io::ErrorKind::NotFound)?;
        let mut server = Self { process, pid, path, _folder: folder };
        while Connection::open(&server.path).await.is_err() {
            if let Some(status) = server.process.try_wait()? {
                return Err(io::Error::other(format!("the server exited: {status}")));
            }
            sleep(POLL_INTERVAL).await;
        }
        // The first request allocates what is allocated once.
        server.state().await?;
        Ok(server)
    }

    pub(crate) const fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the resident memory in bytes.
    pub(crate) fn memory(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.map(|kib| kib * 1024).ok_or_else(|| io::Error::other("no VmRSS"))
    }

    pub(crate) fn descriptors(&self) -> io::Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.pid))?.count())
    }

    pub(crate) async fn state(&self) -> io::Result<State> {
        let mut connection = Connection::open(&self.path).await?;
        connection.exchange(&[head(1, true, "GET", "/state", None), end(1)].concat(), &[1]).await?;
        let response = connection.take(1);
        let text = response.complete().and_then(|(_, body)| std::str::from_utf8(body).ok());
        let numbers = text.and_then(|text| text.split_once(' '));
        let parse = |text: &str| text.parse().map_err(io::Error::other);
        let (tasks, waiting) = numbers.ok_or_else(|| io::Error::other("no state"))?;
        Ok(State { tasks: parse(tasks)?, waiting: parse(waiting)?, descriptors: self.descriptors()? })
    }

    /// Waits until the process holds no more than `before`, at most [`SETTLE_TIMEOUT`].
    pub(crate) async fn settle(&self, before: &State) -> io::Result<State> {
        let start = Instant::now();
        loop {
            let state = self.state().await?;
            if state.leaks(before).is_empty() || start.elapsed() > SETTLE_TIMEOUT {
                return Ok(state);
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    pub(crate) async fn stop(mut self) -> io::Result<()> {
        self.process.kill().await
    }
}

impl State {
    /// Describes what the process holds beyond `before`.
    pub(crate) fn leaks(&self, before: &Self) -> Vec<String> {
        let all = [
            ("tasks", before.tasks, self.tasks),
            ("handlers", before.waiting, self.waiting),
            ("descriptors", before.descriptors, self.descriptors),
        ];
        let more = all.into_iter().filter(|(_, before, now)| now > before);
        more.map(|(what, before, now)| format!("{what}: {now}, before the load {before}")).collect()
    }
}
