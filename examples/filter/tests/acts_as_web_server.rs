//! The test acts as the web server, since no web server uses the Filter role.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, ExitCode};
use std::time::Duration;

use fcgi_core::{BeginRequest, RecordEncoder, RecordHeader, RecordType, RequestId, Role, encode_pair};
use test_support::{Process, Result, free_port, trial};

const ID: RequestId = RequestId(1);

fn main() -> ExitCode {
    test_support::run(vec![trial("responds_from_the_file", responds)])
}

fn responds() -> Result {
    let port = free_port()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_filter"));
    command.arg(format!("127.0.0.1:{port}"));
    let _filter = Process::start(&mut command, || TcpStream::connect(("127.0.0.1", port)).is_ok())?;

    for (body, file, status, text) in [
        ("", "one\ntwo\n", "200 OK", "1\tone\n2\ttwo\n"),
        ("10", "one\ntwo\n", "200 OK", "10\tone\n11\ttwo\n"),
        ("", "", "200 OK", ""),
        ("ten", "one\n", "400 Bad Request", ""),
    ] {
        let stdout = send(port, &filter(body, file, file.len()))?;
        assert!(stdout.starts_with(&format!("Status: {status}\r\n")), "{stdout}");
        assert!(stdout.ends_with(&format!("\r\n\r\n{text}")), "{stdout}");
    }
    // An incomplete file is an error.
    let stdout = send(port, &filter("", "one\n", 5))?;
    assert!(stdout.starts_with("Status: 502 "), "{stdout}");
    // A Responder request has no file.
    let mut out = RecordEncoder::new();
    begin(&mut out, Role::RESPONDER, &[]);
    out.write_stream_end(RecordType::STDIN, ID);
    let stdout = send(port, &out)?;
    assert!(
        stdout.starts_with("Status: 404 ") && stdout.ends_with("this application needs a file\n"),
        "{stdout}"
    );
    Ok(())
}

/// Encodes a Filter request: the body in STDIN, then the file in DATA.
fn filter(body: &str, file: &str, declared: usize) -> RecordEncoder {
    let mut out = RecordEncoder::new();
    let (body_length, declared) = (body.len().to_string(), declared.to_string());
    // FCGI_DATA_LAST_MOD is in seconds since 1970.
    let pairs = [
        ("CONTENT_LENGTH", &*body_length),
        ("FCGI_DATA_LENGTH", &*declared),
        ("FCGI_DATA_LAST_MOD", "86400"),
    ];
    begin(&mut out, Role::FILTER, &pairs);
    for (kind, content) in [(RecordType::STDIN, body), (RecordType::DATA, file)] {
        if !content.is_empty() {
            out.write_stream(kind, ID, content.as_bytes());
        }
        out.write_stream_end(kind, ID);
    }
    out
}

fn begin(out: &mut RecordEncoder, role: Role, pairs: &[(&str, &str)]) {
    out.write_record(RecordType::BEGIN_REQUEST, ID, &BeginRequest { role, keep_conn: false }.encode());
    let mut encoded = Vec::new();
    for (name, value) in [("REQUEST_METHOD", "POST"), ("REQUEST_URI", "/file.txt")].iter().chain(pairs) {
        encode_pair(&mut encoded, name.as_bytes(), value.as_bytes());
    }
    out.write_stream(RecordType::PARAMS, ID, &encoded);
    out.write_stream_end(RecordType::PARAMS, ID);
}

/// Sends a request and returns all of STDOUT.
fn send(port: u16, request: &RecordEncoder) -> Result<String> {
    let mut io = TcpStream::connect(("127.0.0.1", port))?;
    // Turns a hang into a failure.
    io.set_read_timeout(Some(Duration::from_secs(60)))?;
    for slice in request.slices() {
        io.write_all(slice)?;
    }
    let mut response = Vec::new();
    io.read_to_end(&mut response)?;
    let (mut response, mut stdout) = (&response[..], Vec::new());
    while let Some((header, rest)) = response.split_first_chunk() {
        let header = RecordHeader::decode(*header).map_err(|_| "invalid record header")?;
        let (content, rest) = rest.split_at(header.content_len.into());
        if header.kind == RecordType::STDOUT {
            stdout.extend(content);
        }
        response = &rest[header.padding_len.into()..];
    }
    Ok(String::from_utf8(stdout)?)
}
