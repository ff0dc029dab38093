//! The web server sends files only to clients that the authorizer allows.

use std::fs::{self, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, ExitCode};

use test_support::{Installed, Process, Result, WebServer, free_port};

fn main() -> ExitCode {
    let trial = |server: WebServer, config: &'static str| {
        server.trial("guards_files", move |installed| guards_files(&installed, config))
    };
    test_support::run(vec![
        trial(WebServer::Lighttpd, include_str!("../lighttpd.conf")),
        trial(WebServer::Apache, include_str!("../apache.conf")),
    ])
}

fn guards_files(installed: &Installed, config: &str) -> Result {
    let directory = tempfile::tempdir()?;
    let site = directory.path();
    fs::set_permissions(site, Permissions::from_mode(0o755))?;
    fs::create_dir(site.join("guarded"))?;
    fs::write(site.join("guarded/file.txt"), "for alice\n")?;
    fs::write(site.join("open.txt"), "for all\n")?;

    let port = free_port()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_authorizer"));
    command.arg(format!("127.0.0.1:{port}"));
    let _authorizer = Process::start(&mut command, || TcpStream::connect(("127.0.0.1", port)).is_ok())?;
    let server = installed.start(config, &[("9000", &port), ("/srv/site", &site.display())])?;

    // alice:secret, alice:wrong, eve:secret.
    let [alice, wrong, eve] = ["YWxpY2U6c2VjcmV0", "YWxpY2U6d3Jvbmc=", "ZXZlOnNlY3JldA=="]
        .map(|basic| format!("Authorization: Basic {basic}\r\n"));
    for (path, headers, status) in [
        ("/guarded/file.txt", &*alice, 200),
        ("/guarded/file.txt", &*wrong, 401),
        ("/guarded/file.txt", &*eve, 401),
        ("/guarded/file.txt", "", 401),
        ("/guarded/nothing.txt", &*alice, 404),
        ("/guarded/nothing.txt", "", 401),
        ("/open.txt", "", 200),
    ] {
        let response = server.ask("GET", path, headers, "")?;
        assert_eq!(response.status, status, "{path} {headers}: {response:?}\n{}", server.logs());
        let guarded = path.starts_with("/guarded");
        assert_eq!(response.body == "for alice\n", guarded && status == 200, "{response:?}");
        let challenges = response.head.to_ascii_lowercase().contains("www-authenticate: basic");
        assert_eq!(challenges, status == 401, "{response:?}");
    }
    Ok(())
}
