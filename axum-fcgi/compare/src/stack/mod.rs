//! What a user pays: CPU time of the web server and the application together, over FastCGI and HTTP.

mod instructions;
pub(crate) mod process_times;
mod servers;
mod setup;
mod site;
mod table;

use std::io;

use test_support::Installed;

use self::{
    setup::Setup,
    site::{Run, Site},
    table::Table,
};
use crate::{
    application::{self, Protocol},
    options::Options,
    scratch::Scratch,
};

/// Connections from wrk to the web server, and the number that it may keep open to the application.
const CONNECTIONS: usize = 64;

/// Measures each setup whose name contains the filter.
///
/// # Errors
/// wrk or valgrind is missing, or a setup failed. A web server that is not installed is only listed.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    let setups: Vec<Setup> =
        servers::all().into_iter().filter(|setup| options.selects(&setup.name)).collect();
    if setups.is_empty() {
        return Err(io::Error::other("no setup has such a name"));
    }
    if options.instructions {
        return instructions::run(&setups);
    }
    if !application::is_installed("wrk", "-v") {
        return Err(io::Error::other("wrk is not installed"));
    }
    println!("CPU time per `GET /hello` with a browser's headers, wrk with {CONNECTIONS} connections\n");
    let mut table = Table::default();
    table::print_head();
    for setup in &setups {
        match setup.server.find() {
            Ok(installed) => table.add(setup, &installed, rounds(setup, &installed, options)),
            Err(missing) => table.add_missing(setup, missing),
        }
    }
    table.finish()
}

/// One run over each protocol a round, in turns.
fn rounds(setup: &Setup, installed: &Installed, options: &Options) -> io::Result<Vec<[Run; 2]>> {
    let scratch = Scratch::new()?;
    // All run during all rounds. Those that are not measured sleep.
    let mut fastcgi = Site::start(setup, installed, Protocol::FastCgi, &scratch)?;
    let mut http = Site::start(setup, installed, Protocol::Http, &scratch)?;
    let mut round = || -> io::Result<[Run; 2]> {
        Ok([fastcgi.run(&setup.headers, options.time)?, http.run(&setup.headers, options.time)?])
    };
    // Opens connections, and starts the processes that the web server adds under load.
    round()?;
    (0..options.rounds).map(|_| round()).collect()
}
