//! lighttpd with the application, over one protocol.

use std::{
    fmt::Display,
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt as _,
    time::{Duration, Instant},
};

use test_support::{Installed, Running};

use super::client::{Client, Echo};
use crate::{
    application::{Application, Protocol},
    process::Usage,
    scratch::Scratch,
};

/// Both are stopped on drop, the web server first.
#[derive(Debug)]
pub(crate) struct Site {
    server: Running,
    application: Application,
}

/// The figures of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    messages: usize,
    time: Duration,
    server: Duration,
    application: Duration,
}

impl Run {
    /// Echoed messages per second.
    pub(crate) fn rate(&self) -> f64 {
        self.messages as f64 / self.time.as_secs_f64()
    }

    /// Microseconds of CPU time per message, of lighttpd.
    pub(crate) fn server(&self) -> f64 {
        self.per_message(self.server)
    }

    /// Microseconds of CPU time per message, of the application.
    pub(crate) fn application(&self) -> f64 {
        self.per_message(self.application)
    }

    /// Microseconds of CPU time per message, of both.
    pub(crate) fn whole(&self) -> f64 {
        self.per_message(self.server + self.application)
    }

    fn per_message(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / self.messages as f64
    }
}

impl Site {
    /// Starts the application, and lighttpd in front of it.
    pub(crate) fn start(lighttpd: &Installed, protocol: Protocol, scratch: &Scratch) -> io::Result<Self> {
        let application = Application::start(protocol, scratch, None)?;
        let socket = application.socket();
        // If root runs this, lighttpd may run as another user.
        fs::set_permissions(socket, Permissions::from_mode(0o666))?;
        let server = lighttpd
            .start(&configuration(protocol), &[("/run/echo.sock", &socket.display() as &dyn Display)])
            .map_err(io::Error::other)?;
        Ok(Self { server, application })
    }

    pub(crate) fn connect(&self) -> io::Result<Client> {
        Client::connect(self.server.port)
            .map_err(|error| io::Error::other(format!("{error}\n{}", self.server.logs())))
    }

    pub(crate) fn resident_bytes(&self) -> io::Result<u64> {
        Ok(self.application.usage()?.resident_bytes)
    }

    /// Sends one message on each WebSocket, then reads the echoes, until there were this many.
    pub(crate) fn run(&mut self, clients: &mut [Client], echo: &Echo, messages: usize) -> io::Result<Run> {
        let process = self.server.process_id();
        let (server, application) = (Usage::of(process)?.cpu, self.application.usage()?.cpu);
        let start = Instant::now();
        let turns = messages.div_ceil(clients.len());
        for _ in 0..turns {
            for client in &mut *clients {
                client.send(echo)?;
            }
            for client in &mut *clients {
                client.receive(echo)?;
            }
        }
        Ok(Run {
            messages: turns * clients.len(),
            time: start.elapsed(),
            server: Usage::of(process)?.cpu - server,
            application: self.application.usage()?.cpu - application,
        })
    }
}

/// `server.max-read-idle` closes idle WebSockets.
fn configuration(protocol: Protocol) -> String {
    let (module, lines) = match protocol {
        Protocol::FastCgi => (
            "mod_fastcgi",
            r#"fastcgi.server = ( "/" => (( "socket" => "/run/echo.sock", "check-local" => "disable", "upgrade" => "enable" )) )"#,
        ),
        Protocol::Http => (
            "mod_proxy",
            r#"proxy.server = ( "/" => (( "host" => "/run/echo.sock" )) )
proxy.header = ( "upgrade" => "enable" )"#,
        ),
    };
    format!(
        r#"server.bind = "127.0.0.1"
server.port = 8080
server.document-root = "/var/empty"
server.modules = ( "{module}" )
server.stream-response-body = 2
server.max-fds = 8192
server.max-connections = 4096
server.max-read-idle = 3600
{lines}
"#
    )
}
