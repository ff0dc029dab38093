//! Addresses without an application, and with an HTTP server.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use libtest_mimic::Trial;
use tempfile::TempDir;
use test_support::{Result, free_port, trial};

use crate::run::fcgi;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("unreachable/is_reported_and_exits_with_3", unreachable),
        trial("unreachable/an_http_server_is_reported", http_server),
    ]
}

fn unreachable() -> Result {
    let port = format!(":{}", free_port()?);
    let directory = TempDir::new()?;
    let path = directory.path().join("app.sock").display().to_string();
    for (address, advice) in [(&port, "nothing listens at this port"), (&path, "the socket does not exist")] {
        for command in ["get", "values", "bench", "check"] {
            let ran = fcgi(&[command, address])?.exits(3)?;
            assert!(ran.stderr.contains(advice) && ran.stdout.is_empty(), "{command}: {}", ran.stderr);
        }
    }
    Ok(())
}

fn http_server() -> Result {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let server = thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")?;
        stream.shutdown(std::net::Shutdown::Write)?;
        stream.read_to_end(&mut Vec::new()).map(drop)
    });
    let ran = fcgi(&["get", &address])?.exits(1)?;
    assert!(ran.stderr.contains("is it an HTTP server?"), "{}", ran.stderr);
    server.join().map_err(|_| "the server panicked")??;
    Ok(())
}
