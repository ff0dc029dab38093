//! The application, alone and behind a web server.

use std::fmt::Display;
use std::net::TcpStream;
use std::process::Command;

use test_support::{Installed, Process, Result, Running, free_port};

/// The application's loopback ports.
pub(crate) struct Ports {
    pub(crate) fastcgi: u16,
    pub(crate) http: u16,
}

pub(crate) fn start_application() -> Result<(Process, Ports)> {
    let ports = Ports { fastcgi: free_port()?, http: free_port()? };
    let listens = |port| TcpStream::connect(("127.0.0.1", port)).is_ok();
    let mut command = Command::new(env!("CARGO_BIN_EXE_websocket"));
    command.env("FCGI_LISTEN", format!(":{},http::{}", ports.fastcgi, ports.http));
    let process = Process::start(&mut command, || listens(ports.fastcgi) && listens(ports.http))?;
    Ok((process, ports))
}

pub(crate) struct Site {
    /// Ends before the application.
    pub(crate) server: Running,
    _application: Process,
}

impl Site {
    pub(crate) fn start(server: &Installed, config: &str) -> Result<Self> {
        let (application, Ports { fastcgi, http }) = start_application()?;
        let mut ports: Vec<(&str, &dyn Display)> = vec![("9000", &fastcgi)];
        // lighttpd needs no other one.
        if config.contains("9001") {
            ports.push(("9001", &http));
        }
        Ok(Self { server: server.start(config, &ports)?, _application: application })
    }
}
