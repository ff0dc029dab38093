//! A web server, the application behind it, and the clients.

use test_support::{Installed, Result, Running, free_port, get, wait_for};

use crate::application::Application;
use crate::clients::{Clients, Results};
use crate::kinds::BETWEEN;
use crate::setup::{DISK, Setup, Socket};

pub(crate) struct Site {
    pub(crate) setup: Setup,
    pub(crate) server: Running,
    pub(crate) application: Application,
    rest: AtRest,
    _folder: tempfile::TempDir,
}

/// What an idle application holds, except for one request of a web server that has just started.
#[derive(Debug, Clone, Copy)]
struct AtRest {
    tasks: usize,
    descriptors: usize,
}

impl Site {
    /// `timeout`: seconds that the application may be silent.
    pub(crate) fn start(installed: &Installed, setup: Setup, timeout: u32) -> Result<Self> {
        // In a mount namespace the directory exists already.
        let make = format!("mkdir -p {DISK} && exec \"$@\"");
        Self::start_by(&["sh", "-c", &make, "sh"], installed, setup, timeout)
    }

    /// The same, with a web server that another program starts.
    pub(crate) fn start_by(by: &[&str], installed: &Installed, setup: Setup, timeout: u32) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("axum-fcgi-chaos-").tempdir()?;
        let address = match setup.socket {
            Socket::Tcp => format!("127.0.0.1:{}", free_port()?),
            Socket::Unix => format!("unix:{}", folder.path().join("app.sock").display()),
        };
        let mut application = Application::start(&address)?;
        let server = installed.clone().started_by(by).start(&setup.config(&address, timeout), &[])?;
        // The first request creates what exists only once.
        at_rest(&server, &mut application)?;
        let rest = at_rest(&server, &mut application)?;
        Ok(Self { setup, server, application, rest, _folder: folder })
    }

    pub(crate) fn clients(&self) -> Clients {
        Clients::start(self.server.port, self.setup.workload)
    }

    /// After the disturbances: every request must succeed, and the application then holds no more than at the
    /// start.
    pub(crate) fn assert_recovers(mut self, results: &Results, what: &str) -> Result {
        let clients = self.clients();
        clients.wait_for_good(BETWEEN)?;
        let after = clients.stop()?;
        if after.failures_but(self.setup.own) > 0 {
            return Err(format!("afterwards: {after}\n{}", self.server.logs()).into());
        }
        // This closes the connections that it keeps.
        self.server.restart()?;
        let mut now = self.rest;
        let settled = wait_for("rest", || {
            now = at_rest(&self.server, &mut self.application)?;
            Ok(now.tasks <= self.rest.tasks && now.descriptors <= self.rest.descriptors)
        });
        settled.map_err(|error| format!("{error}: {now:?} instead of {:?}", self.rest))?;
        println!("{what}: {results}; then {after}");
        Ok(())
    }
}

fn at_rest(server: &Running, application: &mut Application) -> Result<AtRest> {
    let tasks = get(server.port, "/tasks")?.body;
    let tasks = tasks.trim().parse().map_err(|_| format!("{tasks:?} instead of tasks; {}", server.logs()))?;
    Ok(AtRest { tasks, descriptors: application.descriptors()? })
}
