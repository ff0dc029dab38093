//! `fcgi`, a command-line tool for FastCGI.
//!
//! ```sh
//! cargo run -p fcgi -- get /run/app.sock /
//! cargo run -p fcgi -- dump --listen :9001 --to :9000
//! cargo run -p fcgi -- check /run/app.sock
//! ```
//!
//! `fcgi help` lists all commands; README.md shows their output.

mod args;
mod bench;
mod body;
mod check;
mod client_connection;
mod exchange;
mod failure;
mod get;
mod head;
mod inspect;
mod ping;
mod request;
mod status;
mod target;
mod values;

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use self::args::{Action, Command};
use self::failure::{Code, Failure};

#[tokio::main]
async fn main() -> ExitCode {
    match run(Command::parse().action).await {
        Ok(code) => ExitCode::from(code as u8),
        Err(failure) => {
            eprintln!("fcgi: {failure}");
            ExitCode::from(failure.code as u8)
        }
    }
}

async fn run(action: Action) -> Result<Code, Failure> {
    match action {
        Action::Get(args) => get::run(args).await,
        Action::Values(args) => values::run(&args).await,
        Action::Ping(args) => ping::run(&args).await,
        Action::Status(args) => status::run(&args).await,
        Action::Dump(args) => inspect::run(args).await,
        Action::Bench(args) => bench::run(args).await,
        Action::Check(args) => check::run(args).await,
        Action::Completions { shell } => {
            clap_complete::generate(shell, &mut Command::command(), "fcgi", &mut io::stdout());
            Ok(Code::Success)
        }
    }
}
