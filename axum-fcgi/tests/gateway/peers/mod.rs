//! Go's `net/http/fcgi` and the C library.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum_fcgi::FastCgiGateway;
use axum_fcgi::tower_fcgi::client::{Config, Pool};
use libtest_mimic::{Failed, Trial};
use tempfile::TempDir;
use test_support::{find_program, needs};
use tokio::net::UnixStream;

use crate::client::{FullResponse, ask, get, streamed};
use crate::process::Process;
use crate::runner::block_on;

pub(crate) fn trials() -> Vec<Trial> {
    let go = find_program(&["go"]).map(|_| GO);
    let header = Path::new("/usr/include/fcgiapp.h");
    let library = if header.exists() { Ok(C) } else { Err("no fcgiapp.h in /usr/include".to_owned()) };
    let c = find_program(&["cc"]).and(library);
    vec![
        needs("go", go, |language| language.test(async |peer| go_application(&peer).await)),
        needs("libfcgi", c, |language| language.test(async |peer| c_application(&peer).await)),
    ]
}

/// A program's source and how to build it.
struct Language {
    file: &'static str,
    text: &'static str,
    compiler: &'static [&'static str],
    libraries: &'static [&'static str],
}

const GO: Language = Language {
    file: "application.go",
    text: include_str!("application.go"),
    compiler: &["go", "build", "-o", "application"],
    libraries: &[],
};

const C: Language = Language {
    file: "application.c",
    text: include_str!("application.c"),
    compiler: &["cc", "-O1", "-o", "application"],
    libraries: &["-lfcgi"],
};

/// A running application, below `/app`.
struct Peer {
    router: Router,
    log: Arc<Mutex<Vec<u8>>>,
    _process: Process,
}

impl Language {
    fn test<F: Future<Output = ()>>(self, test: impl FnOnce(Peer) -> F) -> Result<(), Failed> {
        let directory = TempDir::new()?;
        let process = self.start(directory.path())?;
        let (socket, log) = (process.socket().to_owned(), Arc::new(Mutex::new(Vec::new())));
        let taken = Arc::clone(&log);
        let config =
            Config::default().with_on_stderr(move |text| taken.lock().unwrap().extend_from_slice(text));
        let pool: Pool<_, Body> =
            Pool::builder(move || UnixStream::connect(socket.clone())).max_size(1).config(config).build();
        let application = FastCgiGateway::new(pool).env("REMOTE_USER", "ann").https(true).local_redirects(2);
        let router = Router::new().nest_service("/app", application);
        block_on(test(Peer { router, log, _process: process }))
    }

    fn start(&self, directory: &Path) -> io::Result<Process> {
        fs::write(directory.join(self.file), self.text)?;
        let mut command = Command::new(self.compiler[0]);
        command.args(&self.compiler[1..]).arg(self.file).args(self.libraries).current_dir(directory);
        let output = command.output()?;
        if !output.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        let mut command = Command::new(directory.join("application"));
        command.arg(directory.join("socket"));
        Process::start(command, directory)
    }
}

impl Peer {
    async fn get(&self, path: &str) -> FullResponse {
        get(&self.router, path).await
    }

    async fn post(&self, path: &str, len: usize) -> FullResponse {
        let request = Request::post(path).header("content-length", len).body(streamed(len));
        ask(&self.router, request.unwrap()).await
    }

    /// What both applications do.
    async fn has_bodies(&self) {
        for len in [1, 70_000, 20_000_000] {
            let response = self.post("/app/?what=count", len).await;
            assert_eq!(response.variable("COUNT"), Some(&*len.to_string()), "{response:?}");
        }
        assert_eq!(self.get("/app/?what=large").await.body.len(), 320 * 65536);
        for _ in 0..3 {
            let response = self.post("/app/?what=early", 20_000_000).await;
            assert_eq!((response.status, response.text().trim_end()), (403, "no"));
        }
    }
}

async fn go_application(peer: &Peer) {
    let response = peer.get("/app/a%20b/c?q=%20").await;
    for (name, value) in [
        ("URI", "/app/a%20b/c?q=%20"),
        ("HOST", "shop.example.org:8080"),
        ("REMOTE", "192.0.2.7:4711"),
        ("TLS", "true"),
        ("REMOTE_USER", "ann"),
    ] {
        assert_eq!(response.variable(name), Some(value), "{name}");
    }
    peer.has_bodies().await;
}

async fn c_application(peer: &Peer) {
    let response = peer.get("/app/a%20b/c?q=%20").await;
    for (name, value) in [
        ("REQUEST_URI", "/app/a%20b/c?q=%20"),
        ("SCRIPT_NAME", "/app"),
        ("PATH_INFO", "/a b/c"),
        ("QUERY_STRING", "q=%20"),
        ("HTTP_HOST", "shop.example.org:8080"),
        ("REMOTE_ADDR", "192.0.2.7"),
        ("REMOTE_USER", "ann"),
        ("HTTPS", "on"),
    ] {
        assert_eq!(response.variable(name), Some(value), "{name}");
    }
    assert_eq!(response.variable("SCRIPT_FILENAME"), None);
    peer.has_bodies().await;
    assert_eq!(peer.get("/app?what=stderr").await.text(), "logged");
    assert_eq!(*peer.log.lock().unwrap(), b"a line for the log\n");
    // A local redirect, which the client does not see (RFC 3875 §6.2.2).
    let response = peer.post("/app/here?what=local", 10).await;
    assert_eq!((response.status, response.variable("PATH_INFO")), (200, Some("/there")));
    assert_eq!(response.variable("REQUEST_METHOD"), Some("GET"));
    assert_eq!(response.variable("REQUEST_URI"), Some("/app/there?x=y"));
    assert_eq!(response.variable("CONTENT_LENGTH"), None);
}
