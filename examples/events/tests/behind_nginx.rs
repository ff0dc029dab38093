//! Events reach the client before the response ends.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Command, ExitCode};
use std::time::Duration;

use test_support::{Installed, Process, Result, WebServer, free_port};

fn main() -> ExitCode {
    test_support::run(vec![WebServer::Nginx.trial("events_arrive_as_they_happen", |nginx| events(&nginx))])
}

fn events(nginx: &Installed) -> Result {
    let port = free_port()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_events"));
    command.env("FCGI_LISTEN", format!("127.0.0.1:{port}"));
    let _application = Process::start(&mut command, || TcpStream::connect(("127.0.0.1", port)).is_ok())?;
    let server = nginx.start(include_str!("../nginx.conf"), &[("9000", &port)])?;

    let stream = TcpStream::connect(("127.0.0.1", server.port))?;
    // An event that nginx buffers would never arrive, since the response does not end.
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    (&stream).write_all(b"GET /events HTTP/1.0\r\n\r\n")?;
    let mut lines = BufReader::new(stream).lines();
    let mut until = |wanted: &str| -> Result {
        for line in &mut lines {
            if line? == wanted {
                return Ok(());
            }
        }
        Err(format!("the response ended without {wanted:?}").into())
    };
    until("Content-Type: text/event-stream")?;
    until("event: listening")?;
    for text in ["one", "two", "three"] {
        assert_eq!(server.ask("POST", "/say", "Content-Type: text/plain\r\n", text)?.status, 200);
        // The next message is sent only after this event.
        until(&format!("data: {text}"))?;
    }
    Ok(())
}
