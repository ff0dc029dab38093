//! No example, but what the tests of the examples have in common: the web servers, found, started with the
//! configuration that is beside an example, and stopped.

mod fill;
mod http;
mod ports;
mod process;
mod server;
mod version;
mod wanted;

use std::error::Error;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

pub use self::http::{Answer, ask, get};
pub use self::ports::free_port;
pub use self::process::{Process, Signal, end, wait_for};
pub use self::server::{Installed, Running, WebServer};
pub use self::version::Version;
pub use self::wanted::is_wanted;

/// A test's result; what went wrong is for people to read.
pub type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Runs the tests as `cargo test` asks for it, but for those of web servers that are not [wanted](is_wanted).
pub fn run(mut trials: Vec<Trial>) -> ExitCode {
    trials.retain(|trial| trial.name().split_once('/').is_none_or(|(program, _)| is_wanted(program)));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A test that needs no web server.
pub fn trial(name: &str, test: impl FnOnce() -> Result + Send + 'static) -> Trial {
    Trial::test(name, move || test().map_err(|error| error.to_string().into()))
}
