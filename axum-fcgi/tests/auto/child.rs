//! The program as a child process of the tests.

use std::env;
use std::io::Read as _;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

/// Set in the child.
const CHILD: &str = "AXUM_FCGI_TEST_PROGRAM";

/// Turns a hang into a failure; no test measures time with it.
const LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn is_one() -> bool {
    env::var_os(CHILD).is_some()
}

/// A command for the program, with nothing in its environment that selects a way to serve.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.env_clear().env(CHILD, "").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A command for the program as a web server starts it for one request.
pub(crate) fn cgi(method: &str, path: &str, more: &[(&str, &str)]) -> Command {
    let mut command = command();
    command
        .env("GATEWAY_INTERFACE", "CGI/1.1")
        .env("REQUEST_METHOD", method)
        .env("SCRIPT_NAME", "")
        .env("PATH_INFO", path)
        .env("REMOTE_ADDR", "192.0.2.1")
        .envs(more.iter().copied());
    command
}

/// A child that is killed if its test fails.
pub(crate) struct Program {
    child: Child,
    /// What was read of stderr.
    seen: Vec<u8>,
}

/// The child's output, and its exit status.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: ExitStatus,
}

impl Ended {
    pub(crate) fn body(&self) -> &str {
        self.stdout.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no response: {self:?}")).1
    }
}

impl Program {
    pub(crate) fn start(mut command: Command) -> Self {
        Self { child: command.spawn().unwrap(), seen: Vec::new() }
    }

    pub(crate) fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }

    pub(crate) fn stdout(&mut self) -> std::process::ChildStdout {
        self.child.stdout.take().unwrap()
    }

    /// Waits until this text is on stderr.
    pub(crate) fn wait_for(&mut self, expected: &str) {
        let start = self.seen.len();
        let stderr = self.child.stderr.as_mut().unwrap();
        while !String::from_utf8_lossy(&self.seen[start..]).contains(expected) {
            let mut byte = [0];
            stderr.read_exact(&mut byte).unwrap();
            self.seen.push(byte[0]);
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until it ends by itself, while the test may hold its stdin or stdout.
    pub(crate) fn ended(mut self) -> Ended {
        let read = |stream: Option<Box<dyn std::io::Read + Send>>| {
            thread::spawn(move || {
                let mut text = String::new();
                stream.map(|mut stream| stream.read_to_string(&mut text)).transpose().unwrap();
                text
            })
        };
        let stdout = read(self.child.stdout.take().map(|stdout| Box::new(stdout) as _));
        let stderr = read(self.child.stderr.take().map(|stderr| Box::new(stderr) as _));
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < LIMIT, "the program did not end");
            thread::sleep(Duration::from_millis(5));
        };
        let seen = String::from_utf8_lossy(&self.seen).into_owned();
        Ended { stdout: stdout.join().unwrap(), stderr: seen + &stderr.join().unwrap(), status }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
