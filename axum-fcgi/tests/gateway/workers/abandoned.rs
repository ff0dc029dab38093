//! Clients that leave as soon as they have sent a request.

use std::fs;
use std::path::{Path, PathBuf};

use axum_fcgi::DeferEof;
use libtest_mimic::Trial;
use test_support::wait_for;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_blocking;

use super::place::{Programs, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("an_abandoned_request_runs", abandoned)]
}

const CLIENTS: usize = 50;

/// Of the bodies. hyper reads at most the first two before it calls a handler.
const LENGTHS: [usize; 3] = [10, 8192, LARGE];
const LARGE: usize = 200_000;

/// Sends complete requests, each by a client that closes right after the last byte.
async fn leave(port: u16, len: usize, file: &Path) {
    let head = format!(
        "POST /do.php?what=append&file={} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len}\r\n\r\n",
        file.display()
    );
    let request = [head.into_bytes(), vec![b'x'; len]].concat();
    for _ in 0..CLIENTS {
        let mut client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        client.write_all(&request).await.unwrap();
    }
}

/// Waits until each request has run. Returns the lengths of their bodies.
async fn all_ran(name: &str, file: PathBuf) -> Vec<String> {
    let ran = move || -> Vec<String> {
        fs::read_to_string(&file).unwrap_or_default().lines().map(str::to_owned).collect()
    };
    let counted = ran.clone();
    let waited =
        spawn_blocking(move || wait_for("abandoned requests", || Ok(counted().len() == CLIENTS)).is_ok());
    let (in_time, lengths) = (waited.await.unwrap(), ran());
    assert!(in_time, "{name}: {} of {CLIENTS} ran", lengths.len());
    lengths
}

async fn abandoned(programs: Programs) {
    let place = programs.start("pm = static\npm.max_children = 4\n");
    let nginx = programs.nginx(&place);
    let router = place.router(place.pool());
    let [plain, deferring] = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let ports = [&plain, &deferring].map(|listener| listener.local_addr().unwrap().port());
    let [plain, deferring] = [plain, deferring].map(|listener| {
        listener.set_nonblocking(true).unwrap();
        TcpListener::from_std(listener).unwrap()
    });
    let served = router.clone();
    tokio::spawn(async move { axum::serve(plain, served).await });
    tokio::spawn(async move { axum::serve(DeferEof::new(deferring), router).await });
    for (name, port) in [("nginx", nginx.port), ("plain", ports[0]), ("deferring", ports[1])] {
        // Without `DeferEof`, hyper drops a small request before its handler runs.
        for len in LENGTHS.into_iter().filter(|len| *len == LARGE || name != "plain") {
            let name = format!("{name}-{len}");
            let file = place.path().join(&name);
            leave(port, len, &file).await;
            let lengths = all_ran(&name, file).await;
            // nginx cuts large bodies off when it notices that the client has left.
            let whole = lengths.iter().filter(|length| **length == len.to_string()).count();
            assert!(whole == CLIENTS || port == nginx.port && len == LARGE, "{name}: {whole} are whole");
        }
    }
}
