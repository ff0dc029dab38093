//! The application: this program again, as a process that can be killed.

use std::convert::Infallible;
use std::env;
use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::header::CONTENT_LENGTH;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum_fcgi::{Address, FcgiListener};
use futures_util::{Stream, StreamExt as _, stream};
use test_support::{Process, Result, Signal};
use tokio::runtime::Handle;

use crate::pattern::pattern;

/// The argument that makes this program the application.
pub(crate) const SERVE: &str = "--serve";

/// The size of a chunk of a response.
const CHUNK: usize = 16 * 1024;
/// The pause between two chunks, so that there are always responses in flight.
const BETWEEN: Duration = Duration::from_millis(1);

pub(crate) fn serve(address: &str) -> ExitCode {
    match serve_at(address) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn serve_at(address: &str) -> Result {
    let address: Address = address.parse()?;
    let listener = FcgiListener::bind(&address)?;
    println!("listening");
    Ok(axum_fcgi::serve(listener, app()).await?)
}

fn app() -> Router {
    Router::new()
        .route("/declared/{seed}/{len}", get(declared))
        .route("/streamed/{seed}/{len}", get(async |Path((seed, len))| Body::from_stream(chunks(seed, len))))
        .route("/held/declared/{seed}/{len}", get(held_declared))
        .route("/held/streamed/{seed}/{len}", get(async |Path((seed, len))| held(seed, len)))
        .route("/up", post(async |body: Bytes| summary(&body)))
        .route("/tasks", get(async || Handle::current().metrics().num_alive_tasks().to_string()))
}

async fn declared(Path((seed, len)): Path<(u64, usize)>) -> impl IntoResponse {
    ([(CONTENT_LENGTH, len.to_string())], Body::from_stream(chunks(seed, len)))
}

async fn held_declared(Path((seed, len)): Path<(u64, usize)>) -> impl IntoResponse {
    ([(CONTENT_LENGTH, (len + 1).to_string())], held(seed, len))
}

/// A response that never ends.
fn held(seed: u64, len: usize) -> Body {
    Body::from_stream(chunks(seed, len).chain(stream::pending()))
}

fn chunks(seed: u64, len: usize) -> impl Stream<Item = std::result::Result<Bytes, Infallible>> {
    stream::iter((0..len).step_by(CHUNK)).then(move |at| async move {
        if at > 0 {
            tokio::time::sleep(BETWEEN).await;
        }
        Ok(pattern(seed, at, CHUNK.min(len - at)).into())
    })
}

/// The response to an upload.
pub(crate) fn summary(body: &[u8]) -> String {
    format!("{} {:08x}", body.len(), crc32fast::hash(body))
}

/// The application's process.
pub(crate) struct Application {
    address: String,
    process: Process,
}

impl Application {
    /// Starts the process, and waits until it reports that it listens.
    pub(crate) fn start(address: &str) -> Result<Self> {
        Ok(Self { address: address.to_owned(), process: start(address)? })
    }

    /// Sends SIGKILL, which leaves no time to clean up.
    pub(crate) fn kill(&mut self) -> Result {
        self.process.child().kill()?;
        self.process.child().wait()?;
        Ok(())
    }

    /// Starts it again.
    pub(crate) fn restart(&mut self) -> Result {
        self.process = start(&self.address)?;
        Ok(())
    }

    pub(crate) fn pause(&self) -> Result {
        self.process.signal(Signal::STOP)
    }

    pub(crate) fn resume(&self) -> Result {
        self.process.signal(Signal::CONT)
    }

    pub(crate) fn descriptors(&mut self) -> io::Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.process.child().id()))?.count())
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        // A stopped process would not handle SIGTERM.
        let _ = self.kill();
    }
}

fn start(address: &str) -> Result<Process> {
    let mut command = Command::new(env::current_exe()?);
    command.args([SERVE, address]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut process = Process::start(&mut command, || true)?;
    let stdout = process.child().stdout.take().ok_or("no stdout")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    if line == "listening\n" { Ok(process) } else { Err("the application does not listen".into()) }
}
