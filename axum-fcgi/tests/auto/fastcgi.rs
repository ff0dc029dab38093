//! `serve_auto` as a FastCGI application.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use fcgi_core::RecordType;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use crate::child::{Program, Signal, cgi, command};
use crate::wire;

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("a_listening_fd_0_is_served_despite_cgi_variables", || run(stdin())),
    ("what_systemd_passes_is_served", || run(systemd())),
    ("addresses_in_the_environment_come_first", || run(environment())),
    ("http_for_upgrades_is_served_beside_fastcgi", || run(http_upgrades())),
    ("a_web_socket_that_is_not_carried_is_a_warning", || run(web_socket())),
    ("auto_make_services_get_client_and_connection", || run(make_services())),
    ("an_address_that_is_none_is_an_error", || run(wrong_address())),
    ("tcp_peers_in_fcgi_web_server_addrs_are_allowed", || run(allowed())),
    ("signals_finish_requests_and_then_exit", || run(signals())),
];

pub(crate) fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

/// Connects to a path that may not exist yet.
pub(crate) async fn connect(path: &Path) -> UnixStream {
    for _ in 0..3000 {
        if let Ok(io) = UnixStream::connect(path).await {
            return io;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no process listens at {}", path.display());
}

pub(crate) async fn is_served(mut io: UnixStream) {
    assert!(wire::ask(&mut io, &wire::get("/", true)).await.unwrap().ends_with("served"));
}

/// Ends a program. Returns its log.
fn ends_well(program: Program) -> String {
    program.signal(Signal::TERM);
    let ended = program.ended();
    assert!(ended.status.success(), "{ended:?}");
    ended.stderr
}

async fn stdin() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sock");
    let mut command = cgi("GET", "/", &[]);
    command.stdin(OwnedFd::from(UnixListener::bind(&path).unwrap()));
    let program = Program::start(command);
    is_served(connect(&path).await).await;
    ends_well(program);
    assert!(path.exists(), "an inherited socket's file must remain");
}

async fn systemd() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sock");
    let program = command();
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" 3<&0 </dev/null"#])
        .arg(program.get_program())
        .env_clear()
        .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .stdin(OwnedFd::from(UnixListener::bind(&path).unwrap()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let program = Program::start(command);
    is_served(connect(&path).await).await;
    ends_well(program);
    assert!(path.exists(), "systemd's file must remain");
}

async fn environment() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    let mut command = cgi("GET", "/", &[]);
    command.env("FCGI_LISTEN", format!("{}, unix:{}", one.display(), two.display()));
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    command.stdin(OwnedFd::from(other));
    let program = Program::start(command);
    is_served(connect(&one).await).await;
    is_served(connect(&two).await).await;
    ends_well(program);
    assert!(!one.exists() && !two.exists());
}

async fn http_upgrades() {
    let dir = tempfile::tempdir().unwrap();
    let (fastcgi, http) = (dir.path().join("fastcgi"), dir.path().join("http"));
    let mut command = cgi("GET", "/", &[]);
    command.env("FCGI_LISTEN", format!("{},http:{}", fastcgi.display(), http.display())).env("LOG", "");
    let program = Program::start(command);
    is_served(connect(&fastcgi).await).await;
    // A page is served over FastCGI only.
    let upgrade = "GET /page HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
    for (request, status) in [("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 426), (upgrade, 404), (upgrade, 404)] {
        let mut io = connect(&http).await;
        io.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        io.read_to_string(&mut response).await.unwrap();
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{response}");
    }
    let log = ends_well(program);
    let warning = "the web server sends no X-Forwarded-For to the HTTP socket for upgrades";
    assert_eq!(log.matches(warning).count(), 1, "{log}");
    assert!(!fastcgi.exists() && !http.exists());
}

async fn web_socket() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sock");
    let mut command = command();
    command.env("FCGI_LISTEN", &path).env("LOG", "");
    let program = Program::start(command);
    let mut io = connect(&path).await;
    let fields = [
        ("REQUEST_METHOD", "GET"),
        ("REQUEST_URI", "/web-socket"),
        ("SCRIPT_NAME", "/web-socket"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("CONTENT_LENGTH", ""),
        ("SERVER_SOFTWARE", "nginx/1.26"),
        ("HTTP_CONNECTION", "upgrade"),
        ("HTTP_UPGRADE", "websocket"),
        ("HTTP_SEC_WEBSOCKET_VERSION", "13"),
        ("HTTP_SEC_WEBSOCKET_KEY", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let mut request = wire::head(&fields, true);
    request.write_stream_end(RecordType::STDIN, wire::ID);
    for _ in 0..2 {
        let response = wire::ask(&mut io, &wire::bytes(&request)).await.unwrap();
        assert!(response.starts_with("Status: 426 "), "{response}");
    }
    let log = ends_well(program);
    let warning = "a client asks for a WebSocket, which this web server does not carry over FastCGI or CGI";
    assert_eq!(log.matches(warning).count(), 1, "{log}");
    assert!(log.contains(" web_server=nginx/1.26 "), "{log}");
}

async fn make_services() {
    // With a list of allowed peers, the listener has another type.
    for list in [None, Some("127.0.0.1")] {
        for (form, path, expected) in
            [("connect info", "/client", "192.0.2.1"), ("own", "/web-server", "127.0.0.1:PORT TCP")]
        {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let addr = listener.local_addr().unwrap();
            let mut command = command();
            command.env("FORM", form).stdin(OwnedFd::from(listener));
            command.envs(list.map(|list| ("FCGI_WEB_SERVER_ADDRS", list)));
            let program = Program::start(command);
            let mut io = TcpStream::connect(addr).await.unwrap();
            let port = io.local_addr().unwrap().port().to_string();
            let params = [("REQUEST_METHOD", "GET"), ("REQUEST_URI", path), ("REMOTE_ADDR", "192.0.2.1")];
            let mut out = wire::head(&params, true);
            out.write_stream_end(RecordType::STDIN, wire::ID);
            let response = wire::ask(&mut io, &wire::bytes(&out)).await.unwrap();
            assert_eq!(
                response.split_once("\r\n\r\n").unwrap().1,
                expected.replace("PORT", &port),
                "{list:?}"
            );
            ends_well(program);
        }
    }
}

async fn wrong_address() {
    for (addresses, expected) in [
        ("nowhere", "ended: FCGI_LISTEN: \"nowhere\" has neither a port nor a path"),
        (
            "/proc/nowhere/sock",
            "ended: FCGI_LISTEN: unix:/proc/nowhere/sock: the folder /proc/nowhere does not exist",
        ),
        ("fd:0", "ended: FCGI_LISTEN: fd 0 is a pipe"),
    ] {
        let mut command = command();
        command.env("FCGI_LISTEN", addresses);
        let ended = Program::start(command).ended();
        assert_eq!(ended.status.code(), Some(1));
        assert!(ended.stderr.contains(expected), "{ended:?}");
    }
}

async fn allowed() {
    for (list, admitted) in [("192.0.2.1", false), ("127.0.0.0/8", true), ("", false)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let mut command = command();
        command.env("FCGI_WEB_SERVER_ADDRS", list).stdin(OwnedFd::from(listener));
        let program = Program::start(command);
        let mut io = TcpStream::connect(addr).await.unwrap();
        let response = wire::ask(&mut io, &wire::get("/", true)).await;
        assert_eq!(response.is_ok(), admitted, "{list}: {response:?}");
        ends_well(program);
    }
}

async fn signals() {
    for signal in [Signal::TERM, Signal::INT] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sock");
        let mut command = command();
        command.env("FCGI_LISTEN", &path);
        let mut program = Program::start(command);
        let mut io = connect(&path).await;
        let response = tokio::spawn(async move { wire::ask(&mut io, &wire::get("/slow", true)).await });
        let program = tokio::task::spawn_blocking(move || {
            program.wait_for("waiting");
            program
        })
        .await
        .unwrap();
        program.signal(signal);
        assert!(response.await.unwrap().unwrap().ends_with("slow"));
        let ended = program.ended();
        assert!(ended.status.success(), "{ended:?}");
        assert!(!path.exists());
    }
}
