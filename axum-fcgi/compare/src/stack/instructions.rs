//! Instructions of nginx and the application for each request.

use std::{fs::File, io};

use test_support::{Installed, WebServer};

use super::{setup::Setup, site};
use crate::{
    application::{self, Application, Protocol},
    callers::Get,
    counter::Counter,
    process,
    scratch::Scratch,
};

/// Two runs with different numbers of requests. Their difference excludes the work done once per run.
const REQUEST_COUNTS: [usize; 2] = [4_800, 1_600];

/// Requests at once. The counted process is slowed down so much that all of them wait for it, as under full load.
const CALLERS: usize = 32;

/// The process that runs under callgrind. The other one runs at full speed.
#[derive(Debug, Clone, Copy)]
enum Counted {
    Server,
    Application,
}

/// Instructions, only user space.
#[derive(Debug, Clone, Copy)]
struct Counts {
    server: f64,
    application: f64,
}

impl Counts {
    const fn whole(self) -> f64 {
        self.server + self.application
    }
}

/// Prints a row for each of nginx's setups.
///
/// # Errors
/// valgrind or nginx is missing, no setup is nginx's, or one failed.
pub(crate) fn run(setups: &[Setup]) -> io::Result<()> {
    if !application::is_installed("valgrind", "--version") {
        return Err(io::Error::other("valgrind is not installed"));
    }
    let setups: Vec<_> = setups.iter().filter(|setup| setup.server == WebServer::Nginx).collect();
    if setups.is_empty() {
        return Err(io::Error::other("instructions are counted only behind nginx"));
    }
    let installed = WebServer::Nginx.find().map_err(io::Error::other)?;
    let version = installed.version().map_err(io::Error::other)?;
    println!("Instructions for each `GET /hello`, only user space; nginx {version}, {CALLERS} connections\n");
    println!(
        "| setup | FastCGI : HTTP | FastCGI: nginx + application | HTTP | FastCGI / HTTP: nginx, application, whole |"
    );
    println!("| --- | --- | --- | --- | --- |");
    for setup in setups {
        let [fastcgi, http] = Protocol::BOTH.map(|protocol| per_request(setup, &installed, protocol));
        let (fastcgi, http) = (fastcgi?, http?);
        println!(
            "| {} | {} | {:.0} + {:.0} | {:.0} + {:.0} | {:.2}, {:.2}, {:.3} |",
            setup.name,
            setup.label,
            fastcgi.server,
            fastcgi.application,
            http.server,
            http.application,
            fastcgi.server / http.server,
            fastcgi.application / http.application,
            fastcgi.whole() / http.whole(),
        );
    }
    Ok(())
}

fn per_request(setup: &Setup, installed: &Installed, protocol: Protocol) -> io::Result<Counts> {
    let each = |counted| -> io::Result<f64> {
        let [many, few] = REQUEST_COUNTS.map(|requests| count(setup, installed, protocol, counted, requests));
        Ok((many? - few?) / (REQUEST_COUNTS[0] - REQUEST_COUNTS[1]) as f64)
    };
    Ok(Counts { server: each(Counted::Server)?, application: each(Counted::Application)? })
}

/// The count of a whole run.
fn count(
    setup: &Setup,
    installed: &Installed,
    protocol: Protocol,
    counted: Counted,
    requests: usize,
) -> io::Result<f64> {
    let scratch = Scratch::new()?;
    let output = scratch.path().join("counted");
    let counter = Counter::INSTRUCTIONS;
    let (application, installed) = match counted {
        Counted::Server => {
            let application = Application::start(protocol, &scratch, None)?;
            (application, installed.clone().started_by(counter.words()))
        }
        Counted::Application => {
            let mut command = counter.command();
            command.stderr(File::create(&output)?);
            (
                Application::start_counted(application::Kind::new(protocol), &scratch, command)?,
                installed.clone(),
            )
        }
    };
    let mut server = site::start_server(setup, &installed, protocol, &application)?;
    Get { port: server.port, path: "/hello", end: "Hello, World!" }.send(CALLERS, requests)?;
    process::wait_until_asleep(server.process_id())?;
    let log = server.stop().map_err(io::Error::other)?;
    application.exit()?;
    match counted {
        Counted::Server => counter.count_in(&log),
        Counted::Application => counter.read(&output),
    }
}
