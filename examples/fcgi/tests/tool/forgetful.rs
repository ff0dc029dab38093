//! An application with the bug that this project began with.
//!
//! It forgets a request when it has answered, so that the record that ends its body is one of a request unknown, and the
//! connection, which is to be closed once the body has ended, stays open. Go's `net/http/fcgi` did so (golang/go#43901).

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use fcgi_core::{Deframer, EndRequest, Enframer, ProtocolStatus, RecordType};
use libtest_mimic::Trial;
use tempfile::TempDir;
use web_servers::{Result, trial};

use crate::run::fcgi;

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("check/finds_a_request_that_is_forgotten", forgotten)]
}

fn forgotten() -> Result {
    let directory = TempDir::new()?;
    let socket = directory.path().join("socket");
    let listener = UnixListener::bind(&socket)?;
    // It ends with the process: nothing wakes a thread that accepts.
    thread::spawn(move || {
        for stream in listener.incoming().map_while(io::Result::ok) {
            thread::spawn(move || serve(stream));
        }
    });
    let socket = socket.display().to_string();
    let check = |rule: &str, code| {
        fcgi(&["check", &socket, "--only", rule, "--json", "--timeout", "2"])?.exits(code)?.json()
    };
    let report = check("early-then-close", 1)?;
    assert_eq!(report["rules"][0]["verdict"], "fail");
    assert_eq!(report["rules"][0]["seen"], "the connection is open after 2 s");
    // What it does right is not called wrong.
    check("answer", 0)?;
    check("early-then-next", 0)?;
    Ok(())
}

fn serve(mut stream: UnixStream) -> io::Result<()> {
    let (mut deframer, mut keep_conn, mut known) = (Deframer::new(), true, false);
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece)?;
        let mut input = &piece[..read];
        while let Some(fragment) = deframer.next(&mut input).map_err(io::Error::other)? {
            match (fragment.header.kind, fragment.content) {
                (RecordType::BEGIN_REQUEST, content) => (keep_conn, known) = (content[2] & 1 == 1, true),
                // At the first of its body, it is answered: and that is when it must not be forgotten.
                (RecordType::STDIN, content) if known => {
                    let (mut out, id) = (Enframer::new(), fragment.header.id);
                    out.stream(RecordType::STDOUT, id, b"Content-Type: text/plain\r\n\r\nno\n");
                    out.end_stream(RecordType::STDOUT, id);
                    let end = EndRequest { app_status: 0, protocol_status: ProtocolStatus::REQUEST_COMPLETE };
                    out.record(RecordType::END_REQUEST, id, &end.encode());
                    stream.write_all(&out.slices().collect::<Vec<_>>().concat())?;
                    known = false;
                    if content.is_empty() && !keep_conn {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        if read == 0 {
            return Ok(());
        }
    }
}
