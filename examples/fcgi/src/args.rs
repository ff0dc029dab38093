//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use axum_fcgi::Address;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use fcgi_core::Role;

use crate::dump::Filter;
use crate::request::{RequestArgs, role};
use crate::target::Target;

/// Sees inside FastCGI: asks applications, decodes records, measures, and checks conformance
#[derive(Debug, Parser)]
#[command(name = "fcgi", version, max_term_width = 110, after_help = AFTER)]
pub(crate) struct Command {
    #[command(subcommand)]
    pub(crate) action: Action,
}

const AFTER: &str = "\
ADDR is 127.0.0.1:9000, [::1]:9000, :9000 (loopback), host:9000, unix:/run/app.sock or /run/app.sock.

Exit codes:
  0  all is well
  1  the application is at fault: no whole answer, a 5xx, a rule that it breaks; or a file cannot be read
  2  the command line makes no sense
  3  there is nobody at the address";

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    Get(GetArgs),
    Values(ValuesArgs),
    Dump(DumpArgs),
    Bench(BenchArgs),
    Check(CheckArgs),
    /// Writes a shell's completions to stdout
    #[command(
        after_help = "Examples:\n  fcgi completions bash > ~/.local/share/bash-completion/completions/fcgi"
    )]
    Completions {
        /// Whose
        shell: Shell,
    },
}

/// Sends a request, and prints the answer
///
/// The head and the body go to stdout as they come, what the application writes to STDERR and how the request has ended
/// to stderr.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fcgi get :9000 /status
  fcgi get /run/app.sock '/search?q=x' -H 'Cookie: a=b' -p HTTPS=on
  fcgi get :9000 /upload -d @picture.jpg -H 'Content-Type: image/jpeg'
  tar c . | fcgi get :9000 /archive -X PUT -d @-
  fcgi get /run/php/php-fpm.sock /index.php --script /var/www/index.php
  fcgi get :9000 /private --role authorizer

It exits with 1 if the answer is not whole or a 5xx.")]
pub(crate) struct GetArgs {
    /// Where the application listens
    #[arg(value_name = "ADDR")]
    pub(crate) target: Target,

    /// What is asked for: a path, and perhaps a query
    #[arg(default_value = "/")]
    pub(crate) path: String,

    #[command(flatten)]
    pub(crate) request: RequestArgs,

    /// The body: the text itself, @FILE, or @- for stdin
    #[arg(short, long, value_name = "BODY", value_hint = ValueHint::FilePath)]
    pub(crate) data: Option<String>,

    /// What the application is asked to be: responder, authorizer, filter, or a number
    #[arg(short, long, value_parser = role, default_value = "responder", help_heading = "The request")]
    pub(crate) role: Role,

    /// The file that a filter works on
    #[arg(long, value_name = "FILE", help_heading = "The request", value_hint = ValueHint::FilePath)]
    pub(crate) filter_data: Option<PathBuf>,

    /// Ask the application to keep the connection open (KEEP_CONN)
    #[arg(short, long, help_heading = "The request")]
    pub(crate) keep_conn: bool,

    /// Write the body to a file
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,

    /// Print the body alone, without its head and without what has become of the request
    #[arg(short, long)]
    pub(crate) body_only: bool,

    /// Print one object of JSON
    #[arg(long, conflicts_with = "body_only")]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) wait: Wait,
}

/// Asks for the application's variables (GET_VALUES)
///
/// FCGI_MAX_CONNS are the connections that it takes at once, FCGI_MAX_REQS the requests, and FCGI_MPXS_CONNS is 1 if it
/// takes several requests on one connection.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fcgi values /run/app.sock
  fcgi values :9000 --json | jq .FCGI_MPXS_CONNS")]
pub(crate) struct ValuesArgs {
    /// Where the application listens
    #[arg(value_name = "ADDR")]
    pub(crate) target: Target,

    /// Print one object of JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) wait: Wait,
}

/// Prints records: of captured bytes, or of what passes between a web server and an application
///
/// A capture is the bytes of one direction of one connection, or of several one after the other. As a proxy it listens
/// where the web server connects to, until it is interrupted.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fcgi dump capture.bin
  fcgi dump --listen :9001 --to :9000
  fcgi dump --listen /tmp/seen.sock --to /run/app.sock --type PARAMS,END_REQUEST
  fcgi dump --listen :9001 --to :9000 --id 1 --json | jq .type")]
pub(crate) struct DumpArgs {
    /// Files of bytes as they were on the wire; - is stdin
    #[arg(conflicts_with_all = ["listen", "to"], value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,

    /// Stand in between: where the web server connects to
    #[arg(long, value_name = "ADDR", requires = "to")]
    pub(crate) listen: Option<Address>,

    /// Stand in between: where the application listens
    #[arg(long, value_name = "ADDR", requires = "listen")]
    pub(crate) to: Option<Target>,

    #[command(flatten)]
    pub(crate) filter: Filter,

    /// How many bytes of a body are shown
    #[arg(short, long, default_value_t = 64, value_name = "N")]
    pub(crate) bytes: usize,

    /// When to colour
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,

    /// Print an object of JSON for each record, a line each
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    Always,
    Never,
}

/// Measures how fast an application answers
///
/// A closed loop: each connection sends its next request once it has the answer to the last. So it measures what an
/// application can do, and not how it bears a load that does not wait for it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fcgi bench /run/app.sock /hello -n 100000 -c 32
  fcgi bench :9000 /upload -d @body.bin -t 10
  fcgi bench :9000 / --close
  fcgi bench :8080 / --http                   the same over HTTP/1.1, to compare

It exits with 1 if a request failed, or was answered with a 5xx.")]
pub(crate) struct BenchArgs {
    /// Where the application listens
    #[arg(value_name = "ADDR")]
    pub(crate) target: Target,

    /// What is asked for: a path, and perhaps a query
    #[arg(default_value = "/")]
    pub(crate) path: String,

    #[command(flatten)]
    pub(crate) request: RequestArgs,

    /// The body: the text itself, or @FILE
    #[arg(short, long, value_name = "BODY", value_hint = ValueHint::FilePath)]
    pub(crate) data: Option<String>,

    /// Connections, each with one request at a time
    #[arg(short, long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65535))]
    pub(crate) connections: u32,

    /// Requests in all [default: 10000, unless there is a time]
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) requests: Option<u64>,

    /// For how many seconds
    #[arg(short, long, value_name = "SECONDS", conflicts_with = "requests", value_parser = seconds)]
    pub(crate) time: Option<Duration>,

    /// A connection for each request
    #[arg(long)]
    pub(crate) close: bool,

    /// Ask an HTTP/1.1 server instead
    #[arg(long)]
    pub(crate) http: bool,

    /// Print one object of JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) wait: Wait,
}

/// Holds an application against the rules of FastCGI 1.0
///
/// Each rule has its section of the specification. "n/a" is what the specification leaves to the application. An application
/// that waits where it should not is told by --timeout, so each rule that is broken may take as long.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fcgi check /run/app.sock
  fcgi check :9000 /status --json | jq '.rules[] | select(.verdict == \"fail\")'
  fcgi check /run/php/php-fpm.sock /check.php --script /var/www/check.php
  fcgi check :9000 / --echo /echo             bodies are compared as well
  fcgi check --list

It exits with 1 if a rule is broken.")]
pub(crate) struct CheckArgs {
    /// Where the application listens
    #[arg(value_name = "ADDR", required_unless_present = "list")]
    pub(crate) target: Option<Target>,

    /// What is asked for: best something small, whose answer is the same each time
    #[arg(default_value = "/")]
    pub(crate) path: String,

    #[command(flatten)]
    pub(crate) request: RequestArgs,

    /// A path where the application answers with the body that it is sent, so that bodies can be compared
    #[arg(long, value_name = "PATH")]
    pub(crate) echo: Option<String>,

    /// Only the rules whose names contain this; may be repeated
    #[arg(long = "only", value_name = "NAME")]
    pub(crate) only: Vec<String>,

    /// Print the rules, and ask nobody
    #[arg(long)]
    pub(crate) list: bool,

    /// Print one object of JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// For how many seconds to wait for what should come
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = seconds)]
    pub(crate) timeout: Duration,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Wait {
    /// For how many seconds nothing may come before it gives up
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) timeout: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds
        .filter(|time| !time.is_zero())
        .ok_or_else(|| "a time is a number of seconds, as 10 or 0.5".to_owned())
}
