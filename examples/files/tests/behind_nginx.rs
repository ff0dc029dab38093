//! What the application allows, nginx sends.

use std::net::TcpStream;
use std::process::{Command, ExitCode};
use std::{fs, os};

use web_servers::{Installed, Process, Result, WebServer, free_port};

fn main() -> ExitCode {
    web_servers::run(vec![WebServer::Nginx.trial("sends_what_may_be_had", |nginx| files(&nginx))])
}

const TOKEN: &str = "X-Token: secret\r\n";

fn files(nginx: &Installed) -> Result {
    let directory = tempfile::tempdir()?;
    let root = directory.path().join("files");
    fs::create_dir_all(root.join("a b"))?;
    fs::write(root.join("a b/file.txt"), "0123456789")?;
    fs::write(directory.path().join("secret.txt"), "secret")?;
    os::unix::fs::symlink(directory.path().join("secret.txt"), root.join("link.txt"))?;

    let port = free_port()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_files"));
    command.env("FCGI_LISTEN", format!("127.0.0.1:{port}")).env("FILES", &root);
    let _application = Process::start(&mut command, || TcpStream::connect(("127.0.0.1", port)).is_ok())?;
    let config = include_str!("../nginx.conf");
    let server = nginx.start(config, &[("9000", &port), ("/srv/files", &root.display())])?;

    let range = format!("{TOKEN}Range: bytes=2-4\r\n");
    for (path, headers, status, body) in [
        ("/files/a%20b/file.txt", TOKEN, 200, "0123456789"),
        ("/files/a%20b/file.txt", &*range, 206, "234"),
        ("/files/a%20b/file.txt", "", 403, ""),
        ("/files/nothing.txt", TOKEN, 404, ""),
        ("/files/..%2Fsecret.txt", TOKEN, 404, ""),
        ("/files/link.txt", TOKEN, 403, ""),
        ("/internal/a%20b/file.txt", TOKEN, 404, ""),
    ] {
        let answer = server.ask("GET", path, headers, "")?;
        assert_eq!(answer.status, status, "{path}: {answer:?}\n{}", server.logs());
        assert!(!answer.head.to_ascii_lowercase().contains("x-accel"), "{}", answer.head);
        if status < 300 {
            assert_eq!(answer.body, body, "{path}");
        }
    }
    Ok(())
}
