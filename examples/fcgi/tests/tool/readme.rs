//! Runs README.md's commands with another socket and port.

use std::net::TcpStream;
use std::process::Stdio;

use libtest_mimic::Trial;
use test_support::{Process, Result, free_port, trial};

use crate::application::Application;
use crate::run::{command, fcgi};

const README: &str = include_str!("../../../../README.md");

/// The socket of `examples/hello/run`.
const SOCKET: &str = "unix:target/hello/app.sock";

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("readme_fcgi_commands", commands)]
}

fn commands() -> Result {
    let app = Application::start()?;
    let port = free_port()?;
    let commands = README.lines().filter_map(|line| line.strip_prefix("cargo run -p fcgi -- "));
    let mut seen = Vec::new();
    for line in commands {
        let line = line.replace(SOCKET, &app.address).replace(":9001", &format!(":{port}"));
        let arguments: Vec<_> = line.split(' ').collect();
        seen.push(arguments[0].to_owned());
        if arguments[0] != "dump" {
            fcgi(&arguments)?.exits(0)?;
            continue;
        }
        let mut dump = command(&arguments);
        dump.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let _dump = Process::start(&mut dump, || TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        let ran = fcgi(&["get", &format!(":{port}"), "/hello/you", "--body-only"])?.exits(0)?;
        assert_eq!(ran.stdout, "Hello, you!\n");
    }
    assert_eq!(seen, ["get", "bench", "check", "dump"]);
    Ok(())
}
