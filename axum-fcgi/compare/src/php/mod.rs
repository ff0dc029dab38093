//! nginx and an axum Router in front of the same php-fpm.

mod counters;
mod cpu;
pub(crate) mod gateway;
mod setup;
mod slow_clients;
mod uploads;
mod visitors;

use std::io;

use self::setup::Connections;
use crate::{application, counter, options::Options};

/// The comparisons. The filter selects some of them.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    if options.instructions {
        counter::check_installed()?;
        return Connections::BOTH.into_iter().try_for_each(counters::run);
    }
    for (program, argument) in [("nginx", "-v"), ("wrk", "-v")] {
        if !application::is_installed(program, argument) {
            return Err(io::Error::other(format!("{program} is not installed")));
        }
    }
    if options.selects(cpu::NAME) {
        Connections::BOTH.into_iter().try_for_each(|connections| cpu::run(connections, options))?;
    }
    if options.selects(visitors::NAME) {
        visitors::run(options)?;
    }
    if options.selects(uploads::NAME) {
        uploads::run()?;
    }
    Ok(())
}
