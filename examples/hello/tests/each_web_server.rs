//! The example unchanged: the program behind each web server with its configuration.

use std::fmt::Display;
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use test_support::{Installed, Process, Result, Running, Signal, WebServer, free_port};

/// Each web server with its test's name, its configuration, and the socket's path in that configuration.
const EACH: [(WebServer, &str, &str, &str); 7] = [
    (WebServer::Nginx, "serves_hello", include_str!("../nginx.conf"), "app.sock"),
    (WebServer::Apache, "serves_hello", include_str!("../apache.conf"), "/run/hello.sock"),
    (WebServer::Lighttpd, "serves_hello", include_str!("../lighttpd.conf"), "/run/hello.sock"),
    (WebServer::Caddy, "serves_hello", include_str!("../Caddyfile"), "/run/hello.sock"),
    (WebServer::Haproxy, "serves_hello", include_str!("../haproxy.cfg"), "/run/hello.sock"),
    (WebServer::Haproxy, "serves_hello_multiplexed", MULTIPLEXED, "/run/hello.sock"),
    (WebServer::H2o, "serves_hello", include_str!("../h2o.conf"), "/run/hello.sock"),
];

const MULTIPLEXED: &str = include_str!("../haproxy-multiplexed.cfg");

fn main() -> ExitCode {
    let trial = |(server, name, config, socket): (WebServer, &str, &'static str, &'static str)| {
        server.trial(name, move |installed| hello(&installed, config, socket))
    };
    let mut trials: Vec<_> = EACH.map(trial).into();
    trials.push(WebServer::Nginx.trial("hello_run_prints_how_to_try_it", |_| run()));
    test_support::run(trials)
}

/// Runs the script until each signal: it prints one address and one command, and leaves nothing behind.
fn run() -> Result {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let port = free_port()?;
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../target/hello-{port}"));
        // A shell cannot trap a signal that was ignored at its start, such as SIGHUP under nohup.
        let mut command = Command::new("env");
        command.args(["--default-signal=HUP,INT,TERM", "sh"]);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/run")).arg(env!("CARGO_BIN_EXE_hello"));
        command.env("PORT", port.to_string()).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = Process::start(&mut command, || true)?;
        let mut output = BufReader::new(process.child().stdout.take().ok_or("stdout is not piped")?).lines();
        let mut text = String::new();
        for line in output.by_ref() {
            text += &(line? + "\n");
            if text.contains("Ctrl-C") {
                break;
            }
        }
        assert_eq!(text.matches("http://").count(), 1, "{text}");
        let commands: Vec<_> = text.lines().filter(|line| line.trim_start().starts_with("curl ")).collect();
        assert_eq!(commands, [format!("    curl -i 127.0.0.1:{port}/hello/you")], "{text}");
        assert_eq!(test_support::get(port, "/hello/you")?.body, "Hello, you!\n");
        assert!(directory.join("app.sock").exists());
        process.signal(signal)?;
        assert!(process.wait()?.success());
        assert_eq!(output.next().ok_or("the script printed nothing at its end")??, "Stopped.");
        assert!(!directory.exists());
    }
    Ok(())
}

fn hello(installed: &Installed, config: &str, socket: &str) -> Result {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("hello.sock");
    let _application = start(directory.path(), &path)?;
    let server = installed.start(config, &[(socket, &path.display() as &dyn Display)])?;
    // A kept connection is used from the second request on.
    for _ in 0..2 {
        check(&server)?;
    }
    Ok(())
}

fn start(directory: &Path, socket: &Path) -> Result<Process> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hello"));
    let started = Process::start(command.arg(socket), || UnixStream::connect(socket).is_ok())?;
    // If root runs the test, Apache's workers run as another user.
    fs::set_permissions(directory, Permissions::from_mode(0o755))?;
    fs::set_permissions(socket, Permissions::from_mode(0o666))?;
    Ok(started)
}

fn check(server: &Running) -> Result {
    for (path, status, body) in [
        ("/", 200, "Hello, World!\n"),
        ("/hello/J%C3%BCrgen", 200, "Hello, J\u{fc}rgen!\n"),
        ("/hello/a%2Fb?c=d", 200, "Hello, a/b!\n"),
        ("/nowhere", 404, ""),
    ] {
        let response = server.get(path)?;
        assert_eq!(
            (response.status, &*response.body),
            (status, body),
            "{path}: {}\n{}",
            response.head,
            server.logs()
        );
    }
    Ok(())
}
