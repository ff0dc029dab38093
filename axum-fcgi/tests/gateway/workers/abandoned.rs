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

/// Of the bodies: the first request fits into hyper's first read, the others do not.
const SMALL: usize = 10;
const LARGE: [usize; 2] = [8192, 200_000];

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

/// Waits until each request has run, with its whole body.
async fn all_ran(file: PathBuf, len: usize) {
    let expected = format!("{len}\n").repeat(CLIENTS);
    let ran = move || fs::read_to_string(&file).unwrap_or_default();
    let counted = ran.clone();
    let waited = spawn_blocking(move || wait_for("abandoned requests", || Ok(ran() == expected)));
    let waited = waited.await.unwrap();
    assert!(waited.is_ok(), "{len} bytes: {} of {CLIENTS} ran", counted().lines().count());
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
        // hyper drops a small request before its handler runs.
        for len in LARGE.into_iter().chain((name != "plain").then_some(SMALL)) {
            let file = place.path().join(format!("{name}-{len}"));
            leave(port, len, &file).await;
            all_ran(file, len).await;
        }
    }
}
