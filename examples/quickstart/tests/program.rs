//! Tests the program as a process: over HTTP, with a port in use, and its shutdown.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::time::Duration;

use test_support::{Process, Result, Signal, ask, get};

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_quickstart"))
}

/// The running program.
struct Quickstart {
    process: Process,
    port: u16,
    stdout: BufReader<ChildStdout>,
    output: String,
}

impl Quickstart {
    fn start() -> Result<Self> {
        Self::start_at("0")
    }

    fn start_at(port: &str) -> Result<Self> {
        let mut process = Process::start(program().args(["--port", port]).stdout(Stdio::piped()), || true)?;
        let mut stdout = BufReader::new(process.child().stdout.take().expect("stdout is piped"));
        let mut output = String::new();
        loop {
            if stdout.read_line(&mut output)? == 0 {
                return Err(format!("the program exited: {output}").into());
            }
            if let Some((_, after)) = output.split_once("Open http://127.0.0.1:") {
                let port = after.split(' ').next().unwrap_or_default().parse()?;
                return Ok(Self { process, port, stdout, output });
            }
        }
    }

    /// Stops the program with a signal and returns its output.
    fn end(mut self, signal: Signal) -> Result<String> {
        self.process.signal(signal)?;
        self.stdout.read_to_string(&mut self.output)?;
        assert!(self.process.wait()?.success(), "{}", self.output);
        assert!(self.output.ends_with("Stopped.\n"), "{}", self.output);
        Ok(self.output)
    }
}

/// Checks that the socket's directory was removed.
fn assert_clean(output: &str) {
    let socket =
        output.lines().find_map(|line| line.strip_prefix("unix:")).expect("the program prints its socket");
    let directory = Path::new(socket).parent().expect("the socket is in a directory");
    assert!(!directory.exists(), "{} still exists", directory.display());
}

#[test]
fn requests_pass_through_fastcgi() -> Result {
    let program = Quickstart::start()?;
    let port = program.port;
    let page = get(port, "/")?;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("This page came over FastCGI"), "{}", page.body);
    assert!(
        page.head.to_lowercase().contains("content-security-policy: default-src 'none';"),
        "{}",
        page.head
    );
    for (path, kind) in
        [("/style.css", "text/css"), ("/app.js", "text/javascript"), ("/icon.svg", "image/svg+xml")]
    {
        let file = get(port, path)?;
        assert!(file.status == 200 && file.head.contains(kind), "{path}: {}", file.head);
    }
    let hello = get(port, "/hello?name=J%C3%BCrgen")?;
    assert!(hello.body.starts_with("Hello, J\u{fc}rgen, at 127.0.0.1:"), "{}", hello.body);
    assert_eq!(ask(port, "POST", "/echo", "Content-Type: text/plain\r\n", "abcd")?.body, "abcd");
    let upload = ask(port, "POST", "/upload", "", &"x".repeat(1_000_000))?;
    assert!(upload.body.contains("\"bytes\":1000000"), "{}", upload.body);
    assert_eq!(get(port, "/events")?.body.matches("data: event ").count(), 5);
    assert_eq!(get(port, "/nowhere")?.status, 404);
    assert_eq!(get(port, "/panic")?.status, 500);
    // The application still runs.
    assert_eq!(get(port, "/")?.status, 200);
    Ok(())
}

/// Sends a request and returns the lines of its endless response.
fn open(port: u16, path: &str) -> Result<impl Iterator<Item = std::io::Result<String>> + use<>> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    // Turns a hang into a failure.
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    write!(&stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")?;
    Ok(BufReader::new(stream).lines())
}

fn next(lines: &mut impl Iterator<Item = std::io::Result<String>>, start: &str) -> Result<String> {
    for line in lines {
        if let Some(rest) = line?.strip_prefix(start) {
            return Ok(rest.to_owned());
        }
    }
    Err(format!("the response ended without {start:?}").into())
}

#[test]
fn a_page_receives_the_records_of_its_requests() -> Result {
    let program = Quickstart::start()?;
    let port = program.port;
    let mut records = open(port, "/records")?;
    next(&mut records, "event: viewer")?;
    let viewer = next(&mut records, "data: ")?;
    let header = format!("Content-Type: text/plain\r\nX-Viewer: {viewer}\r\n");
    // A request of another page.
    ask(port, "POST", "/echo", "Content-Type: text/plain\r\nX-Viewer: unknown\r\n", "other")?;
    ask(port, "POST", "/echo", &header, "mine")?;
    let mut seen = Vec::new();
    while seen.last().is_none_or(|step: &serde_json::Value| step["kind"] != "END_REQUEST") {
        seen.push(serde_json::from_str(&next(&mut records, "data: ")?)?);
    }
    // Only the order within a direction is fixed.
    let steps_of = |peer: &str| -> Vec<_> {
        let steps = seen.iter().filter(|step| step["from"] == peer);
        steps
            .map(|step| (step["kind"].as_str(), step["content"]["is"].as_str(), step["bytes"].as_u64()))
            .collect()
    };
    let web_server = steps_of("web-server");
    let [begin, (Some("PARAMS"), Some("params"), Some(1..)), rest @ ..] = &web_server[..] else {
        panic!("{web_server:?}")
    };
    assert_eq!(*begin, (Some("BEGIN_REQUEST"), Some("begin"), Some(8)));
    assert_eq!(
        rest,
        [
            (Some("PARAMS"), Some("endOfStream"), Some(0)),
            (Some("STDIN"), Some("text"), Some(4)),
            (Some("STDIN"), Some("endOfStream"), Some(0)),
        ]
    );
    let stdin = seen.iter().find(|step| step["kind"] == "STDIN").expect("a STDIN record was sent");
    assert_eq!(stdin["content"]["text"], "mine");
    let application = steps_of("application");
    assert_eq!(application.last(), Some(&(Some("END_REQUEST"), Some("end"), Some(8))));
    let stdout = seen.iter().find(|step| step["kind"] == "STDOUT").expect("a STDOUT record was sent");
    let text = stdout["content"]["text"].as_str().expect("STDOUT is text");
    assert!(text.starts_with("Status: 200") && text.ends_with("\r\n\r\nmine"), "{text}");
    Ok(())
}

#[test]
fn a_taken_port_is_reported_and_the_next_one_used() -> Result {
    let holder = TcpListener::bind("127.0.0.1:0")?;
    let port = holder.local_addr()?.port();
    let program = Quickstart::start_at(&port.to_string())?;
    assert!(program.output.starts_with(&format!("Port {port} is in use.\n")), "{}", program.output);
    assert_ne!(program.port, port);
    assert_eq!(get(program.port, "/")?.status, 200);
    Ok(())
}

#[test]
fn ctrl_c_stops_it_with_requests_in_flight() -> Result {
    let program = Quickstart::start()?;
    let port = program.port;
    let mut records = open(port, "/records")?;
    next(&mut records, "event: viewer")?;
    let mut wait = open(port, "/wait")?;
    let mut events = open(port, "/events")?;
    next(&mut events, "data: event 1")?;
    // Browsers open connections in advance.
    let _unused = TcpStream::connect(("127.0.0.1", port))?;

    program.process.signal(Signal::INT)?;
    assert!(next(&mut wait, "HTTP/1.0 503").is_ok());
    assert!(next(&mut events, "data: event 5").is_ok());
    assert!(next(&mut records, "data: nothing more").is_err());
    // A second signal has no effect.
    assert_clean(&program.end(Signal::INT)?);
    Ok(())
}

#[test]
fn a_closed_terminal_leaves_no_directory() -> Result {
    for signal in [Signal::HUP, Signal::TERM] {
        assert_clean(&Quickstart::start()?.end(signal)?);
    }
    Ok(())
}

#[test]
fn slow_clients_do_not_block_others() -> Result {
    let program = Quickstart::start()?;
    let mut slow = Vec::new();
    for (request, sent) in [
        ("POST /echo HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 1000", 10),
        // Longer than the part that is buffered before the request gets a connection.
        ("POST /upload HTTP/1.1\r\nContent-Length: 9000000", 300_000),
        ("GET /wait HTTP/1.1", 0),
    ] {
        for _ in 0..64 {
            let mut stream = TcpStream::connect(("127.0.0.1", program.port))?;
            write!(stream, "{request}\r\nHost: 127.0.0.1\r\n\r\n{}", "x".repeat(sent))?;
            slow.push(stream);
        }
        for _ in 0..3 {
            assert_eq!(get(program.port, "/hello")?.status, 200, "{request}");
            let posted = ask(program.port, "POST", "/echo", "Content-Type: text/plain\r\n", "abcd")?;
            assert_eq!(posted.body, "abcd", "{request}");
        }
    }
    Ok(())
}

#[test]
fn without_a_name_it_greets_the_world() -> Result {
    let program = Quickstart::start()?;
    for path in ["/hello", "/hello?name=", "/hello?name=+", "/hello?name=%09"] {
        let hello = get(program.port, path)?.body;
        assert!(hello.starts_with("Hello, World, at 127.0.0.1:"), "{path}: {hello}");
    }
    Ok(())
}

#[test]
fn the_seed_is_replayed_in_a_terminal() -> Result {
    let output = program().args(["--replay", "seed"]).output()?;
    let text = String::from_utf8(output.stdout)?;
    assert!(output.status.success());
    let (forgetful, ours) = text.split_once("tower_fcgi::Connection:").expect("both results are printed");
    assert!(forgetful.contains("waited 1000 ms for a close and gave up"), "{text}");
    assert!(ours.contains("The connection was closed after "), "{text}");
    assert_eq!(text.matches("STDIN id 1, empty").count(), 2, "{text}");
    Ok(())
}

#[test]
fn unknown_arguments_are_rejected() -> Result {
    for arguments in [&["--replay"][..], &["--replay", "other"], &["--port", "x"], &["x"]] {
        let output = program().args(arguments).output()?;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8(output.stderr)?.starts_with("usage: "));
    }
    let output = program().arg("--help").output()?;
    assert!(output.status.success() && output.stdout.starts_with(b"usage: "));
    Ok(())
}
