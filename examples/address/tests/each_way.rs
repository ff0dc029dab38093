//! The responses are the same over HTTP and over FastCGI behind each web server.

use std::net::TcpStream;
use std::process::{Command, ExitCode};

use test_support::{Answer, Installed, Process, Result, WebServer, free_port, get, trial};

fn main() -> ExitCode {
    let behind = |server: WebServer, config: &'static str| {
        server.trial("serves_below_the_prefix", move |installed| fastcgi(&installed, config))
    };
    test_support::run(vec![
        trial("http/serves_below_the_prefix", http),
        trial("an_invalid_address_is_an_error", invalid_address),
        behind(WebServer::Nginx, include_str!("../nginx.conf")),
        behind(WebServer::Lighttpd, include_str!("../lighttpd.conf")),
    ])
}

fn http() -> Result {
    let port = free_port()?;
    let _application = start(&format!("http://127.0.0.1:{port}"), port)?;
    check(|path| get(port, path))
}

fn fastcgi(installed: &Installed, config: &str) -> Result {
    let port = free_port()?;
    let _application = start(&format!("127.0.0.1:{port}"), port)?;
    let server = installed.start(config, &[("9000", &port)])?;
    check(|path| server.get(path))
}

fn start(address: &str, port: u16) -> Result<Process> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_address"));
    Process::start(command.arg(address), || TcpStream::connect(("127.0.0.1", port)).is_ok())
}

fn check(get: impl Fn(&str) -> Result<Answer>) -> Result {
    for (path, body) in [
        ("/app", "Hello, World!\n"),
        ("/app/hello/you", "Hello, you!\n"),
        ("/app/uri?q=%20", "/app/uri?q=%20\n"),
        ("/app/client", "127.0.0.1\n"),
    ] {
        let response = get(path)?;
        assert_eq!((response.status, &*response.body), (200, body), "{path}: {}", response.head);
    }
    let moved = get("/app/old")?;
    assert_eq!(moved.status, 303);
    let mut lines = moved.head.lines().map(str::to_ascii_lowercase);
    assert!(lines.any(|line| line == "location: /app/hello/again"), "{}", moved.head);
    for path in ["/", "/hello/you", "/apple", "/app/nowhere"] {
        assert_eq!(get(path)?.status, 404, "{path}");
    }
    Ok(())
}

fn invalid_address() -> Result {
    let output = Command::new(env!("CARGO_BIN_EXE_address")).arg("https://example.org").output()?;
    let error = String::from_utf8(output.stderr)?;
    assert!(!output.status.success() && error.contains("127.0.0.1:9000"), "{error}");
    Ok(())
}
