//! A new program takes over an old one's socket, under load.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::child::{Program, Signal, command};
use crate::wire;

pub(crate) const TESTS: &[(&str, fn())] = &[("a_socket_handover_loses_no_request", takes_over)];

/// Web servers that send requests without a pause.
const CLIENTS: usize = 8;
/// The number of times that a new program takes over.
const TAKEOVERS: usize = 5;
/// Responses of each program before the next one starts.
const RESPONSES: usize = 200;

fn takes_over() {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run());
}

async fn run() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sock");
    // As with systemd: the socket is not the program's, and every program inherits it.
    let listener = UnixListener::bind(&path).unwrap();
    let start = || {
        let mut command = command();
        command.env("THREADS", "").stdin(OwnedFd::from(listener.try_clone().unwrap()));
        Program::start(command)
    };
    let mut program = start();
    let (stop, stopped) = watch::channel(false);
    let (answered, mut responses) = watch::channel(BTreeMap::<String, usize>::new());
    let mut clients = JoinSet::new();
    for kept in 0..CLIENTS {
        clients.spawn(ask(path.clone(), kept % 2 == 0, stopped.clone(), answered.clone()));
    }
    responses.wait_for(|of| of.values().any(|count| *count >= RESPONSES)).await.unwrap();
    for programs in 2..TAKEOVERS + 2 {
        let new = start();
        responses.wait_for(|of| of.len() == programs).await.unwrap();
        let old = std::mem::replace(&mut program, new);
        old.signal(Signal::TERM);
        let ended = tokio::task::spawn_blocking(|| old.ended()).await.unwrap();
        assert!(ended.status.success(), "{ended:?}");
        let enough = |of: &BTreeMap<String, usize>| of.values().filter(|count| **count >= RESPONSES).count();
        responses.wait_for(|of| enough(of) == programs).await.unwrap();
    }
    stop.send(true).unwrap();
    while let Some(worker) = clients.join_next().await {
        worker.unwrap();
    }
    assert_eq!(responses.borrow().len(), TAKEOVERS + 1);
}

/// Requests the program's process id until stopped: each time on a new connection, or on a kept one until it
/// is closed. Every response must come.
async fn ask(
    path: PathBuf,
    kept: bool,
    stopped: watch::Receiver<bool>,
    answered: watch::Sender<BTreeMap<String, usize>>,
) {
    let mut connection = None;
    while !*stopped.borrow() {
        let pid = match connection.take() {
            Some(io) => on_kept(io, &path).await,
            None => on_new(&path, kept).await,
        };
        let (pid, io) = pid.unwrap_or_else(|error| panic!("a request was lost: {error}"));
        connection = io.filter(|_| kept);
        answered.send_modify(|responses| *responses.entry(pid).or_default() += 1);
    }
}

async fn on_new(path: &Path, kept: bool) -> std::io::Result<(String, Option<UnixStream>)> {
    let mut io = UnixStream::connect(path).await?;
    let response = wire::ask(&mut io, &wire::get("/pid", kept)).await?;
    Ok((pid(&response), Some(io)))
}

/// The old program closes its kept connections when it ends. Web servers expect that at any time: they send
/// the request again on a new connection.
async fn on_kept(mut io: UnixStream, path: &Path) -> std::io::Result<(String, Option<UnixStream>)> {
    match wire::ask(&mut io, &wire::get("/pid", true)).await {
        Ok(response) => Ok((pid(&response), Some(io))),
        Err(_) => on_new(path, true).await,
    }
}

fn pid(response: &str) -> String {
    response.rsplit("\r\n").next().unwrap_or_default().to_owned()
}
