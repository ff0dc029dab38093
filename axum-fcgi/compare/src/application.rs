//! The measured application: this program, as a child process.

use std::{
    collections::HashMap,
    env,
    io::{self, BufRead, BufReader, Read},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Query,
    http::{StatusCode, header::CONTENT_LENGTH},
    response::IntoResponse,
    routing::{any, get, post},
};
use axum_fcgi::Stats;
use futures_util::stream;
use http_body_util::BodyExt;
use tokio::{net::UnixListener, runtime};

use crate::{
    options::Peer,
    process::{self, Usage},
    scratch::Scratch,
    web_socket,
};

/// The argument that runs this program as an application.
pub(crate) const ROLE: &str = "serve-for-compare";

static CHUNK: [u8; 64 * 1024] = [b'x'; 64 * 1024];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    FastCgi,
    Http,
}

impl Protocol {
    pub(crate) const BOTH: [Self; 2] = [Self::FastCgi, Self::Http];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::FastCgi => "fastcgi",
            Self::Http => "http",
        }
    }

    /// The protocol with this name.
    ///
    /// # Errors
    /// The name is unknown.
    pub(crate) fn parse(name: &str) -> io::Result<Self> {
        let known = Self::BOTH.into_iter().find(|protocol| protocol.name() == name);
        known.ok_or_else(|| io::Error::other(format!("unknown protocol: {name}")))
    }
}

/// Whether the application counts what it does, with [`axum_fcgi::Stats`]. Only over FastCGI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counting {
    Off,
    On,
}

impl Counting {
    const fn name(self) -> &'static str {
        match self {
            Self::Off => "uncounted",
            Self::On => "counted",
        }
    }

    /// The value with this name.
    ///
    /// # Errors
    /// The name is unknown.
    fn parse(name: &str) -> io::Result<Self> {
        let known = [Self::Off, Self::On].into_iter().find(|counting| counting.name() == name);
        known.ok_or_else(|| io::Error::other(format!("neither counted nor uncounted: {name}")))
    }
}

/// What kind of application runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) protocol: Protocol,
    /// Threads of the runtime. With one, it is a `current_thread` runtime.
    pub(crate) workers: usize,
    pub(crate) counting: Counting,
}

impl Kind {
    pub(crate) const fn new(protocol: Protocol) -> Self {
        Self { protocol, workers: 1, counting: Counting::Off }
    }

    fn arguments(self) -> [String; 3] {
        [self.protocol.name().to_owned(), self.workers.to_string(), self.counting.name().to_owned()]
    }

    /// # Errors
    /// An argument is invalid.
    pub(crate) fn parse([protocol, workers, counting]: [&String; 3]) -> io::Result<Self> {
        Ok(Self {
            protocol: Protocol::parse(protocol)?,
            workers: workers.parse().map_err(io::Error::other)?,
            counting: Counting::parse(counting)?,
        })
    }
}

/// A running application, stopped on drop.
#[derive(Debug)]
pub(crate) struct Application {
    child: Child,
    socket: PathBuf,
}

impl Application {
    /// Starts an application with one worker thread and waits until it listens. `core` pins it.
    pub(crate) fn start(protocol: Protocol, scratch: &Scratch, core: Option<&str>) -> io::Result<Self> {
        Self::start_with(Kind::new(protocol), scratch, core)
    }

    /// As [`start`](Self::start), with this kind.
    pub(crate) fn start_with(kind: Kind, scratch: &Scratch, core: Option<&str>) -> io::Result<Self> {
        Self::spawn(kind, scratch, process::pinned(env::current_exe()?, core))
    }

    /// Starts an application below a counter.
    pub(crate) fn start_counted(kind: Kind, scratch: &Scratch, mut counter: Command) -> io::Result<Self> {
        counter.arg(env::current_exe()?);
        Self::spawn(kind, scratch, counter)
    }

    fn spawn(kind: Kind, scratch: &Scratch, mut command: Command) -> io::Result<Self> {
        let socket = scratch.new_path(kind.protocol.name());
        let child = command
            .arg(ROLE)
            .args(kind.arguments())
            .arg(&socket)
            // The pipe closes when this process ends, even if it is killed; the application then exits.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut application = Self { child, socket };
        let mut line = String::new();
        if let Some(stdout) = application.child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        if line.is_empty() {
            return Err(io::Error::other("the application did not start"));
        }
        Ok(application)
    }

    /// Starts another FastCGI application and waits until it accepts connections.
    pub(crate) fn start_peer(peer: &Peer, scratch: &Scratch, core: Option<&str>) -> io::Result<Self> {
        let socket = scratch.new_path("peer");
        let child = process::pinned(&peer.program, core)
            .arg(format!("unix:{}", socket.display()))
            .stdin(Stdio::null())
            .spawn()?;
        let mut application = Self { child, socket };
        for _ in 0..500 {
            if UnixStream::connect(&application.socket).is_ok() {
                return Ok(application);
            }
            if application.child.try_wait()?.is_some() {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        Err(io::Error::other(format!("{} did not start", peer.name)))
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Ends the application's standard input, and waits until it has exited.
    ///
    /// # Errors
    /// It has failed.
    pub(crate) fn exit(mut self) -> io::Result<()> {
        drop(self.child.stdin.take());
        let status = self.child.wait()?;
        if status.success() {
            Ok(())
        } else {
            Err(io::Error::other(format!("the application failed: {status}")))
        }
    }

    /// Resources used since the start.
    pub(crate) fn usage(&self) -> io::Result<Usage> {
        Usage::of(self.child.id())
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

/// Kills a child process and waits for its exit.
pub(crate) fn stop(child: &mut Child) {
    // Both fail only if the process has already exited.
    _ = child.kill();
    _ = child.wait();
}

/// The child process's main function: serves on this socket until standard input ends.
pub(crate) fn serve(kind: Kind, socket: &Path) -> io::Result<()> {
    thread::spawn(|| {
        _ = io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    let runtime = match kind.workers {
        1 => runtime::Builder::new_current_thread().enable_all().build()?,
        workers => runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()?,
    };
    runtime.block_on(async {
        let listener = UnixListener::bind(socket)?;
        println!("listening");
        match kind.protocol {
            Protocol::FastCgi if kind.counting == Counting::On => {
                axum_fcgi::serve(listener, router()).with_stats(Stats::new()).await
            }
            Protocol::FastCgi => axum_fcgi::serve(listener, router()).await,
            Protocol::Http => axum::serve(listener, router()).await,
        }
    })
}

fn router() -> Router {
    Router::new()
        .route("/hello", get(async || "Hello, World!"))
        .route("/sink", post(sink))
        .route("/down", get(down))
        .route("/ws", any(web_socket::upgrade))
}

/// Responds with the size of the body, read frame by frame.
async fn sink(mut body: Body) -> Result<String, StatusCode> {
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| StatusCode::BAD_REQUEST)?;
        bytes += frame.data_ref().map_or(0, Bytes::len);
    }
    Ok(bytes.to_string())
}

/// `n` bytes in chunks of 64 KiB with a Content-Length, like a file.
async fn down(Query(query): Query<HashMap<String, usize>>) -> impl IntoResponse {
    let n = query.get("n").copied().unwrap_or_default();
    let chunks = (0..n.div_ceil(CHUNK.len())).map(move |chunk| {
        let length = CHUNK.len().min(n - chunk * CHUNK.len());
        Ok::<_, io::Error>(Bytes::from_static(CHUNK.get(..length).unwrap_or(&CHUNK)))
    });
    ([(CONTENT_LENGTH, n.to_string())], Body::from_stream(stream::iter(chunks)))
}

/// Whether this program is installed. It is run with `argument`, such as `--version`.
pub(crate) fn is_installed(program: &str, argument: &str) -> bool {
    Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}
