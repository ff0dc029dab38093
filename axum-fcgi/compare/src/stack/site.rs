//! A web server with its application, and a run of load on both.

use std::{
    fmt::Display,
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt as _,
    time::Duration,
};

use test_support::{Installed, Running};

use super::{
    CONNECTIONS,
    process_times::ProcessTimes,
    setup::{SOCKET, Setup},
};
use crate::{
    application::{Application, Protocol},
    headers::Headers,
    scratch::Scratch,
    wrk::{self, Failures},
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
    pub(crate) requests: u64,
    pub(crate) failures: Failures,
    /// CPU time of all the web server's processes.
    pub(crate) server: Duration,
    pub(crate) application: Duration,
}

impl Run {
    /// Microseconds per request of the web server.
    pub(crate) fn server(&self) -> f64 {
        self.per_request(self.server)
    }

    /// Microseconds per request of the application.
    pub(crate) fn application(&self) -> f64 {
        self.per_request(self.application)
    }

    /// Microseconds per request of both.
    pub(crate) fn whole(&self) -> f64 {
        self.per_request(self.server + self.application)
    }

    fn per_request(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / self.requests as f64
    }
}

impl Site {
    /// Starts the application, and the web server in front of it.
    pub(crate) fn start(
        setup: &Setup,
        installed: &Installed,
        protocol: Protocol,
        scratch: &Scratch,
    ) -> io::Result<Self> {
        let application = Application::start(protocol, scratch, None)?;
        let server = start_server(setup, installed, protocol, &application)?;
        Ok(Self { server, application })
    }

    /// Loads it from new connections for this time.
    pub(crate) fn run(&mut self, headers: &Headers, time: Duration) -> io::Result<Run> {
        let process = self.server.process_id();
        let (server, application) = (ProcessTimes::of_tree(process)?, self.application.usage()?.cpu);
        let outcome = wrk::run(self.server.port, "/hello", CONNECTIONS, headers, time)?;
        if outcome.requests == outcome.failures.statuses {
            let (failures, logs) = (outcome.failures, self.server.logs());
            return Err(io::Error::other(format!("no request succeeded: {failures}\n{logs}")));
        }
        Ok(Run {
            requests: outcome.requests,
            failures: outcome.failures,
            server: ProcessTimes::of_tree(process)?.since(&server)?,
            application: self.application.usage()?.cpu - application,
        })
    }
}

/// Starts a web server in front of a running application.
pub(crate) fn start_server(
    setup: &Setup,
    installed: &Installed,
    protocol: Protocol,
    application: &Application,
) -> io::Result<Running> {
    let socket = application.socket();
    // If root runs this, Apache's workers run as another user.
    fs::set_permissions(socket, Permissions::from_mode(0o666))?;
    installed
        .start(setup.configuration(protocol), &[(SOCKET, &socket.display() as &dyn Display)])
        .map_err(io::Error::other)
}
