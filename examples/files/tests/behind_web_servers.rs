//! The web server sends the files that the application allows.

use std::fmt::Display;
use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, ExitCode};

use test_support::{Installed, Process, Result, WebServer, free_port};

/// A web server, its configuration, and how it differs.
struct Setup {
    server: WebServer,
    config: &'static str,
    by: &'static str,
    /// The status for a symbolic link that leads out of the folder. With 200, the folder must not contain such links.
    link: u16,
}

const EACH: [Setup; 4] = [
    Setup {
        server: WebServer::Nginx,
        config: include_str!("../nginx.conf"),
        by: "x-accel-redirect",
        link: 403,
    },
    Setup {
        server: WebServer::Apache,
        config: include_str!("../apache.conf"),
        by: "x-sendfile-verbatim",
        link: 200,
    },
    Setup {
        server: WebServer::Lighttpd,
        config: include_str!("../lighttpd.conf"),
        by: "x-sendfile",
        link: 403,
    },
    Setup { server: WebServer::Caddy, config: include_str!("../Caddyfile"), by: "x-sendfile", link: 200 },
];

fn main() -> ExitCode {
    let trial = |setup: Setup| {
        let Setup { server, config, by, link } = setup;
        let modules: &[&str] = if server == WebServer::Apache { &[XSENDFILE] } else { &[] };
        server.trial_with(modules, "sends_authorized_files", move |installed| {
            let by = if server == WebServer::Apache && decodes()? { "x-sendfile" } else { by };
            files(&installed, config, by, link)
        })
    };
    test_support::run(EACH.map(trial).into())
}

const XSENDFILE: &str = "/usr/lib/apache2/modules/mod_xsendfile.so";
/// Whether Apache's mod_xsendfile decodes the path: Debian 13's does, Debian 12's does not. The versions that decode have
/// a switch for it.
fn decodes() -> Result<bool> {
    const SWITCH: &[u8] = b"XSendFileUnescape";
    Ok(fs::read(XSENDFILE)?.windows(SWITCH.len()).any(|bytes| bytes == SWITCH))
}

const TOKEN: &str = "X-Token: secret\r\n";

fn files(web_server: &Installed, config: &str, by: &str, link: u16) -> Result {
    let directory = tempfile::tempdir()?;
    // Apache's workers run as another user.
    fs::set_permissions(&directory, Permissions::from_mode(0o755))?;
    let root = directory.path().join("files");
    fs::create_dir_all(root.join("a b"))?;
    fs::write(root.join("a b/fil\u{e9}+%41.txt"), "0123456789")?;
    fs::write(directory.path().join("secret.txt"), "secret")?;
    symlink(directory.path().join("secret.txt"), root.join("link.txt"))?;

    let (_application, port) = start(&root, by)?;
    let mut values: Vec<(&str, &dyn Display)> = vec![("9000", &port)];
    let root = root.display();
    if config.contains("/srv/files") {
        values.push(("/srv/files", &root));
    }
    let server = web_server.start(config, &values)?;

    // Caddy does not resolve dot segments, so they are rejected; the others resolve them to a path outside /files.
    let outside = if web_server.server() == WebServer::Caddy { 400 } else { 404 };
    let file = "/files/a%20b/fil%C3%A9+%2541.txt";
    for (path, headers, status, body) in [
        (file, TOKEN, 200, "0123456789"),
        (file, "", 403, ""),
        ("/files/nothing.txt", TOKEN, 404, ""),
        ("/files/..%2Fsecret.txt", TOKEN, outside, ""),
        ("/files/link.txt", TOKEN, link, "secret"),
        ("/internal/a%20b/file.txt", TOKEN, 404, ""),
    ] {
        let response = server.ask("GET", path, headers, "")?;
        assert_eq!(response.status, status, "{path}: {response:?}\n{}", server.logs());
        // The client does not learn the path on the disk.
        let head = response.head.to_ascii_lowercase();
        assert!(!head.contains("x-accel") && !head.contains("x-sendfile"), "{}", response.head);
        if status < 300 {
            assert_eq!(response.body, body, "{path}");
        } else {
            assert!(!response.body.contains("secret"), "{path}");
        }
    }
    // lighttpd supports ranges only in HTTP/1.1.
    let mut stream = TcpStream::connect(("127.0.0.1", server.port))?;
    let request = format!(
        "GET {file} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n{TOKEN}Range: bytes=2-4\r\n\r\n",
        server.port
    );
    stream.write_all(request.as_bytes())?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    assert!(response.starts_with("HTTP/1.1 206 ") && response.ends_with("\r\n\r\n234"), "{response}");
    Ok(())
}

fn start(root: &Path, by: &str) -> Result<(Process, u16)> {
    let port = free_port()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_files"));
    command.env("FCGI_LISTEN", format!("127.0.0.1:{port}")).env("FILES", root).env("SEND_BY", by);
    let started = Process::start(&mut command, || TcpStream::connect(("127.0.0.1", port)).is_ok())?;
    Ok((started, port))
}
