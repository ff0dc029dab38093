//! Code that the benchmark and the tests of axum-fcgi, of the examples and of the client share: find, start and stop web
//! servers and php-fpm.

pub mod chromium;
mod fill;
mod http;
mod php_fpm;
mod ports;
mod process;
mod program;
mod server;
mod version;
mod wanted;

use std::error::Error;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

pub use self::http::{Answer, ask, get};
pub use self::php_fpm::PhpFpm;
pub use self::ports::free_port;
pub use self::process::{Process, Signal, end, wait_for};
pub use self::program::{find_program, needs};
pub use self::server::{Installed, Running, WebServer};
pub use self::version::Version;
pub use self::wanted::is_wanted;

/// The result of a test.
pub type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Runs tests with the arguments of `cargo test`, without those of web servers that are not [wanted](is_wanted).
pub fn run(mut trials: Vec<Trial>) -> ExitCode {
    trials.retain(|trial| trial.name().split_once('/').is_none_or(|(program, _)| is_wanted(program)));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A test without a web server.
pub fn trial(name: &str, test: impl FnOnce() -> Result + Send + 'static) -> Trial {
    Trial::test(name, move || test().map_err(|error| error.to_string().into()))
}
