//! Starts the unchanged example in each way.

mod apache;
mod fastcgi;

use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use libtest_mimic::{Arguments, Trial};
use test_support::{Process, Result};

const PROGRAM: &str = env!("CARGO_BIN_EXE_shared-hosting");

fn main() {
    let trial = |name: &str, test: fn() -> Result<()>| {
        Trial::test(name, move || test().map_err(|error| error.to_string().into()))
    };
    let mut trials = vec![
        trial("a_listening_socket_at_fd_0", stdin),
        trial("a_socket_that_systemd_passes", systemd),
        trial("an_address_in_the_environment", environment),
        trial("plain_cgi", cgi),
        trial("nothing_is_an_error", nothing),
    ];
    trials.extend(apache::trials());
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// The program with an empty environment.
fn program() -> Command {
    let mut command = Command::new(PROGRAM);
    command.env_clear().stdin(Stdio::null());
    command
}

fn stdin() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("app.sock");
    serves(program().stdin(OwnedFd::from(UnixListener::bind(&path)?)), &path)
}

fn systemd() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("app.sock");
    let mut command = Command::new("sh");
    command.args(["-c", r#"LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" 3<&0 </dev/null"#, PROGRAM]);
    serves(command.stdin(OwnedFd::from(UnixListener::bind(&path)?)), &path)
}

fn environment() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("app.sock");
    serves(program().env("FCGI_LISTEN", &path), &path)
}

/// Checks that the program serves FastCGI and exits with success on SIGTERM.
fn serves(command: &mut Command, path: &Path) -> Result<()> {
    let mut program = Process::start(command, || std::os::unix::net::UnixStream::connect(path).is_ok())?;
    let response = fastcgi::send(path, "GET", "/", "")?;
    assert_eq!(response, hello());
    let response = fastcgi::send(path, "POST", "/shout", "hello")?;
    assert!(response.ends_with("\r\n\r\nHELLO"), "{response}");
    assert!(program.terminate()?.success());
    Ok(())
}

fn cgi() -> Result<()> {
    let get = cgi_request("GET", "/", "")?;
    assert!(get.status.success(), "{get:?}");
    assert_eq!(String::from_utf8(get.stdout)?, hello());
    let post = cgi_request("POST", "/shout", "hello")?;
    assert!(post.status.success(), "{post:?}");
    assert!(post.stdout.ends_with(b"\r\n\r\nHELLO"), "{post:?}");
    Ok(())
}

fn cgi_request(method: &str, target: &str, body: &str) -> Result<Output> {
    let mut program = program()
        .env("GATEWAY_INTERFACE", "CGI/1.1")
        .env("REQUEST_METHOD", method)
        .env("REQUEST_URI", target)
        .env("CONTENT_LENGTH", body.len().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = program.stdin.take().ok_or("no stdin")?;
    stdin.write_all(body.as_bytes())?;
    // stdin is still open: CONTENT_LENGTH ends the body.
    let mut response = Vec::new();
    program.stdout.take().ok_or("no stdout")?.read_to_end(&mut response)?;
    drop(stdin);
    Ok(Output { stdout: response, ..program.wait_with_output()? })
}

fn nothing() -> Result<()> {
    let output = program().output()?;
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr)?;
    for part in ["FCGI_LISTEN is not set", "LISTEN_FDS is not set", "fd 0 is closed", "mod_fcgid"] {
        assert!(error.contains(part), "{error}");
    }
    Ok(())
}

fn hello() -> String {
    "Status: 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 14\r\n\r\nHello, World!\n"
        .to_owned()
}
