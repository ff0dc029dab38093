//! `serve_auto` as a CGI program.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use crate::child::{Program, Signal, cgi, command};

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("a_cgi_program_answers_one_request_and_ends", answers),
    ("a_cgi_program_makes_its_service", makes_service),
    ("cgi_body_ends_at_content_length_on_open_stdin", body),
    ("a_body_that_ends_too_soon_is_an_error", short_body),
    ("a_body_can_be_a_file_or_a_socket", other_stdin),
    ("cgi_early_response_exits_before_the_body_ends", early),
    ("cgi_prints_go_to_the_log_and_children_get_no_stdio", prints),
    ("a_panic_is_a_complete_500_with_a_reason_on_stderr", panics),
    ("cgi_incomplete_response_sets_the_exit_status", breaks),
    ("a_disconnected_web_server_ends_the_program", reader_gone),
    ("a_cgi_program_ends_at_once_on_sigterm", sigterm),
    ("without_a_start_mode_the_error_explains_how_to_run", nothing),
];

fn answers() {
    for threads in [&[][..], &[("THREADS", "")]] {
        let ended = Program::start(cgi("GET", "/", threads)).ended();
        assert!(ended.status.success(), "{ended:?}");
        assert!(ended.stdout.starts_with("Status: 200 OK\r\n"), "{ended:?}");
        assert_eq!((ended.body(), &*ended.stderr), ("served", ""));
    }
    let ended = Program::start(cgi("GET", "/client", &[])).ended();
    assert_eq!(ended.body(), "192.0.2.1");
    let ended = Program::start(cgi("GET", "/proxy", &[("HTTP_PROXY", "http://evil")])).ended();
    assert_eq!(ended.body(), "None");
    let ended = Program::start(cgi("GET", "/nowhere", &[])).ended();
    assert!(ended.stdout.starts_with("Status: 404 Not Found\r\n"), "{ended:?}");
}

fn makes_service() {
    let ended = Program::start(cgi("GET", "/client", &[("FORM", "connect info")])).ended();
    assert_eq!(ended.body(), "192.0.2.1");
    let ended = Program::start(cgi("GET", "/web-server", &[("FORM", "own")])).ended();
    assert_eq!(ended.body(), "unix: a unix socket");
}

fn body() {
    let text = "body".repeat(100_000);
    let length = text.len().to_string();
    let mut program = Program::start(cgi("POST", "/echo", &[("CONTENT_LENGTH", &length)]));
    let mut stdin = program.stdin();
    let writing = std::thread::spawn(move || {
        stdin.write_all(text.as_bytes()).unwrap();
        (stdin, text)
    });
    let ended = program.ended();
    let (_open, text) = writing.join().unwrap();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(ended.body() == text);

    // Without a Content-Length there is no body, though stdin has not ended.
    let mut program = Program::start(cgi("POST", "/echo", &[]));
    let _open = program.stdin();
    assert_eq!(program.ended().body(), "");
}

fn short_body() {
    let mut program = Program::start(cgi("POST", "/echo", &[("CONTENT_LENGTH", "10")]));
    program.stdin().write_all(b"short").unwrap();
    let ended = program.ended();
    assert!(ended.stdout.starts_with("Status: 400 Bad Request\r\n"), "{ended:?}");
    assert!(ended.body().contains("the body is shorter than"), "{ended:?}");
}

fn other_stdin() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"body and more").unwrap();
    file.rewind().unwrap();
    let mut command = cgi("POST", "/echo", &[("CONTENT_LENGTH", "4")]);
    command.stdin(file);
    assert_eq!(Program::start(command).ended().body(), "body");

    // One socket for both, as a super-server passes it.
    let (mut client, stdio) = UnixStream::pair().unwrap();
    let mut command = cgi("POST", "/echo", &[("CONTENT_LENGTH", "4")]);
    command.stdin(OwnedFd::from(stdio.try_clone().unwrap())).stdout(OwnedFd::from(stdio));
    let program = Program::start(command);
    client.write_all(b"body").unwrap();
    assert!(program.ended().status.success());
    let mut response = String::new();
    client.read_to_string(&mut response).unwrap();
    assert!(response.ends_with("\r\n\r\nbody"), "{response}");

    // The response can also go to a file.
    let mut response = tempfile::tempfile().unwrap();
    let mut command = cgi("GET", "/", &[]);
    command.stdin(Stdio::null()).stdout(response.try_clone().unwrap());
    assert!(Program::start(command).ended().status.success());
    response.rewind().unwrap();
    let mut text = String::new();
    File::read_to_string(&mut response, &mut text).unwrap();
    assert!(text.ends_with("\r\n\r\nserved"), "{text}");
}

fn early() {
    for threads in [("SOME", "thing"), ("THREADS", "")] {
        let mut program = Program::start(cgi("POST", "/early", &[("CONTENT_LENGTH", "10"), threads]));
        let mut stdin = program.stdin();
        // The program may have ended already.
        _ = stdin.write_all(b"some");
        let ended = program.ended();
        assert!(ended.status.success(), "{ended:?}");
        assert_eq!(ended.body(), "early");
    }
}

fn prints() {
    let mut program =
        Program::start(cgi("POST", "/prints", &[("CONTENT_LENGTH", "4"), ("REQUEST_METHOD", "GET")]));
    program.stdin().write_all(b"body").unwrap();
    let ended = program.ended();
    assert_eq!(ended.body(), "true \"\"");
    for line in ["printed", "a line for the log", "echoed"] {
        assert!(ended.stderr.lines().any(|found| found == line), "{ended:?}");
    }
}

fn panics() {
    let ended = Program::start(cgi("GET", "/panic", &[])).ended();
    assert!(ended.status.success(), "the response is complete: {ended:?}");
    assert!(ended.stdout.starts_with("Status: 500 Internal Server Error\r\n"), "{ended:?}");
    assert_eq!(ended.body(), "Internal Server Error\n");
    assert!(ended.stderr.contains("the handler panicked: a bug\n"), "{ended:?}");
}

fn breaks() {
    let ended = Program::start(cgi("GET", "/breaks", &[])).ended();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stdout.starts_with("Status: 200 OK\r\n"), "{ended:?}");
    assert_eq!(ended.body(), "some");
    assert!(ended.stderr.contains("the source is gone\n"), "{ended:?}");
    assert!(ended.stderr.contains("ended: a response could not be completed\n"), "{ended:?}");
}

fn reader_gone() {
    let mut program = Program::start(cgi("GET", "/endless", &[]));
    let mut stdout = program.stdout();
    stdout.read_exact(&mut [0; 100_000]).unwrap();
    drop(stdout);
    let ended = program.ended();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
}

fn sigterm() {
    for threads in [&[][..], &[("THREADS", "")]] {
        let mut program = Program::start(cgi("GET", "/wait", threads));
        program.wait_for("waiting");
        program.signal(Signal::TERM);
        let ended = program.ended();
        assert_eq!((ended.status.code(), &*ended.stdout), (Some(1), ""), "{ended:?}");
        assert!(ended.stderr.contains("stopped by a signal"), "{ended:?}");
    }
}

fn nothing() {
    for interface in [None, Some("")] {
        let mut command = command();
        command.envs(interface.map(|interface| ("GATEWAY_INTERFACE", interface)));
        let ended = Program::start(command).ended();
        assert_eq!((ended.status.code(), &*ended.stdout), (Some(1), ""), "{ended:?}");
        for part in [
            "FCGI_LISTEN is not set",
            "LISTEN_FDS is not set",
            "fd 0 is a pipe",
            "GATEWAY_INTERFACE is not set",
            "unix:/run/app.sock",
            ".socket unit",
            "mod_fcgid",
            "bin-path",
            "CGI program",
            "spawn-fcgi",
        ] {
            assert!(ended.stderr.contains(part), "{} does not contain {part}", ended.stderr);
        }
    }
}
