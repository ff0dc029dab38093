//! Clients that leave as soon as they have sent a request.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum_fcgi::tower_fcgi::client::Config;
use axum_fcgi::{DeferEof, PhpGateway};
use libtest_mimic::Trial;
use test_support::wait_for;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{spawn_blocking, yield_now};

use super::load::Front;
use super::place::{Programs, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("an_abandoned_request_runs", abandoned), trial("an_abandoned_request_is_finished", finished)]
}

const CLIENTS: usize = 50;

/// Of the bodies. hyper reads at most the first two before it calls a handler.
const LENGTHS: [usize; 3] = [10, 8192, LARGE];
const LARGE: usize = 200_000;

/// A whole request over HTTP/1.
fn http1(len: usize, file: &Path) -> Vec<u8> {
    let head = format!(
        "POST /do.php?what=append&file={} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len}\r\n\r\n",
        file.display()
    );
    [head.into_bytes(), vec![b'x'; len]].concat()
}

/// A whole connection over HTTP/2 with one request (RFC 9113 §3.4, §6; RFC 7541 §6.1, §6.2.2).
fn http2(len: usize, file: &Path) -> Vec<u8> {
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const SETTINGS: u8 = 4;
    let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
    };
    let field = |name: &[u8], value: &str| {
        assert!(value.len() < 127, "its length takes one byte");
        [name, &[u8::try_from(value.len()).unwrap()], value.as_bytes()].concat()
    };
    // The names are indices of HPACK's static table: POST, http, :path, :authority, content-length.
    let fields = [
        vec![0x83, 0x86],
        field(&[0x04], &format!("/do.php?what=append&file={}", file.display())),
        field(&[0x01], "localhost"),
        field(&[0x0f, 0x0d], &len.to_string()),
    ];
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(SETTINGS, 0, 0, &[]),
        frame(HEADERS, 0x4, 1, &fields.concat()),
        frame(DATA, 0x1, 1, &vec![b'x'; len]),
    ]
    .concat()
}

/// Sends complete requests, each by a client that closes right after the last byte.
async fn leave(port: u16, request: &[u8]) {
    for _ in 0..CLIENTS {
        let mut client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        client.write_all(request).await.unwrap();
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
            leave(port, &http1(len, &file)).await;
            let lengths = all_ran(&name, file).await;
            // nginx cuts large bodies off when it notices that the client has left.
            let whole = lengths.iter().filter(|length| **length == len.to_string()).count();
            assert!(whole == CLIENTS || port == nginx.port && len == LARGE, "{name}: {whole} are whole");
        }
    }
    for len in &LENGTHS[..2] {
        let name = format!("h2-{len}");
        let file = place.path().join(&name);
        leave(ports[1], &http2(*len, &file)).await;
        assert_eq!(all_ran(&name, file).await, vec![len.to_string(); CLIENTS]);
    }
}

/// With a connection for each request, as php-fpm needs it.
async fn finished(programs: Programs) {
    let place = programs.start("pm = static\npm.max_children = 1\n");
    let aborting = Config::default().with_abort_timeout(Duration::ZERO);
    let finishing = aborting.clone().with_finish_abandoned(None);
    for (name, config, ended) in [("aborted", aborting, None), ("finished", finishing, Some("100"))] {
        let pool = place.pool().max_size(1).config(config).build::<Body>();
        let gateway = PhpGateway::new(pool.clone(), place.path().join("root"));
        let front = Front::from(Router::new().fallback_service(gateway));
        let file = place.path().join(name);
        let client = {
            let (front, path) = (front.clone(), format!("/do.php?what=outlive&file={}", file.display()));
            tokio::spawn(async move { front.get(&path).await })
        };
        let begun = file.with_extension("begun");
        spawn_blocking(move || wait_for("the script", || Ok(begun.exists()))).await.unwrap().unwrap();
        client.abort();
        assert!(client.await.unwrap_err().is_cancelled());
        while ended.is_none() && pool.stats().in_use.current > 0 {
            yield_now().await;
        }
        // The only worker is busy until the script has ended, which writes without a client.
        fs::write(&file, "").unwrap();
        assert_eq!(front.get("/hello.php").await, (200, "Hello, World!".to_owned()), "{name}");
        assert_eq!(fs::read_to_string(file.with_extension("ended")).ok().as_deref(), ended, "{name}");
    }
}
