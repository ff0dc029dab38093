//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use axum_fcgi::Address;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use fcgi_core::Role;

use crate::inspect::Filter;
use crate::request::{RequestArgs, role};
use crate::target::Target;

/// Sends FastCGI requests, prints records, measures, and checks conformance
#[derive(Debug, Parser)]
#[command(name = "fcgi", version, max_term_width = 110, after_help = AFTER)]
pub(crate) struct Command {
    #[command(subcommand)]
    pub(crate) action: Action,
}

const AFTER: &str = "\
ADDR is 127.0.0.1:9000, [::1]:9000, :9000 (loopback), host:9000, unix:/run/app.sock or /run/app.sock.

Exit codes:
  0  success
  1  the application failed: an incomplete response, a 5xx, a broken rule; or a file cannot be read
  2  invalid command line
  3  cannot connect to the address";

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    Get(GetArgs),
    Values(ValuesArgs),
    Ping(PingArgs),
    Status(StatusArgs),
    Dump(DumpArgs),
    Bench(BenchArgs),
    Check(CheckArgs),
    /// Prints shell completions
    #[command(
        after_help = "Examples:\n  fcgi completions bash > ~/.local/share/bash-completion/completions/fcgi"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Sends a request and prints the response
///
/// The response's head and body go to stdout as they arrive. The application's STDERR and the end of the request go to
/// stderr.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fcgi get :9000 /status
  fcgi get /run/app.sock '/search?q=x' -H 'Cookie: a=b' -p HTTPS=on
  fcgi get :9000 /upload -d @picture.jpg -H 'Content-Type: image/jpeg'
  tar c . | fcgi get :9000 /archive -X PUT -d @-
  fcgi get /run/php/php-fpm.sock /index.php --script /var/www/index.php
  fcgi get :9000 /private --role authorizer

Exits with 1 if the response is incomplete or a 5xx.")]
pub(crate) struct GetArgs {
    /// The application's address
    #[arg(value_name = "ADDR")]
    pub(crate) target: Target,

    /// The request target: a path with an optional query
    #[arg(default_value = "/")]
    pub(crate) path: String,

    #[command(flatten)]
    pub(crate) request: RequestArgs,

    /// The request body: text, @FILE, or @- for stdin
    #[arg(short, long, value_name = "BODY", value_hint = ValueHint::FilePath)]
    pub(crate) data: Option<String>,

    /// The role: responder, authorizer, filter, or a number
    #[arg(short, long, value_parser = role, default_value = "responder", help_heading = "The request")]
    pub(crate) role: Role,

    /// The file to send to a filter
    #[arg(long, value_name = "FILE", help_heading = "The request", value_hint = ValueHint::FilePath)]
    pub(crate) filter_data: Option<PathBuf>,

    /// Ask the application to keep the connection open (KEEP_CONN)
    #[arg(short, long, help_heading = "The request")]
    pub(crate) keep_conn: bool,

    /// Write the response body to a file
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,

    /// Print only the response body
    #[arg(short, long)]
    pub(crate) body_only: bool,

    /// Print one JSON object
    #[arg(long, conflicts_with = "body_only")]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) wait: Wait,
}

/// Prints the application's variables (GET_VALUES)
///
/// FCGI_MAX_CONNS is the maximum number of concurrent connections, FCGI_MAX_REQS of concurrent requests. FCGI_MPXS_CONNS
/// is 1 if a connection can have concurrent requests.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fcgi values /run/app.sock
  fcgi values :9000 --json | jq .FCGI_MPXS_CONNS")]
pub(crate) struct ValuesArgs {
    /// The application's address
    #[arg(value_name = "ADDR")]
    pub(crate) target: Target,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) wait: Wait,
}

/// Checks whether an application responds, and how fast
///
/// Each ping is a connection of its own. Without a path it asks for the application's variables (GET_VALUES), which no handler
/// sees. With a path it is a GET.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fcgi ping /run/app.sock
  fcgi ping /run/app.sock /health -n 1            for a health check
  fcgi ping /run/php/php-fpm.sock /ping --script /ping

Exits with 1 if a ping failed or got a 5xx, and with 3 if no connection could be made.")]
pub(crate) struct PingArgs {
    /// The application's address
    #[arg(value_name = "ADDR")]
    pub(crate) target: Target,

    /// The request target: a path with an optional query
    pub(crate) path: Option<String>,

    #[command(flatten)]
    pub(crate) request: RequestArgs,

    /// Number of pings
    #[arg(short = 'n', long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) count: u32,

    /// Time between two pings, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub(crate) interval: Duration,

    #[command(flatten)]
    pub(crate) wait: Wait,
}

/// Prints an application's status page
///
/// The page is that of `axum_fcgi::status`, or php-fpm's (`pm.status_path`), in JSON.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fcgi status /run/app-status.sock
  fcgi status /run/php/php-fpm.sock /status --full
  fcgi status :9001 --json | jq .requests.in_flight

Exits with 1 if there is no such page.")]
pub(crate) struct StatusArgs {
    /// The address at which the page is served over FastCGI
    #[arg(value_name = "ADDR")]
    pub(crate) target: Target,

    /// The path of the page
    #[arg(default_value = "/status")]
    pub(crate) path: String,

    /// Also print each connection and request in flight
    #[arg(long)]
    pub(crate) full: bool,

    /// Print the JSON as it is
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) wait: Wait,
}

/// Prints records: of a capture, or as a proxy between a web server and an application
///
/// A capture has the bytes of one direction of one connection, or of several in sequence. As a proxy, it runs until it is
/// interrupted.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fcgi dump capture.bin
  fcgi dump --listen :9001 --to :9000
  fcgi dump --listen /tmp/seen.sock --to /run/app.sock --type PARAMS,END_REQUEST
  fcgi dump --listen :9001 --to :9000 --id 1 --json | jq .type")]
pub(crate) struct DumpArgs {
    /// Files with captured bytes; - is stdin
    #[arg(conflicts_with_all = ["listen", "to"], value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,

    /// Run as a proxy: the address to which the web server connects
    #[arg(long, value_name = "ADDR", requires = "to")]
    pub(crate) listen: Option<Address>,

    /// Run as a proxy: the application's address
    #[arg(long, value_name = "ADDR", requires = "listen")]
    pub(crate) to: Option<Target>,

    #[command(flatten)]
    pub(crate) filter: Filter,

    /// Bytes of a body to print
    #[arg(short, long, default_value_t = 64, value_name = "N")]
    pub(crate) bytes: usize,

    /// When to use colours
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,

    /// Print one JSON object per record, each on its own line
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

/// Measures an application's throughput and latency
///
/// The load is a closed loop: each connection sends its next request after the previous response. It measures the
/// application's capacity, not its behaviour under a load that does not wait for it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fcgi bench /run/app.sock /hello -n 100000 -c 32
  fcgi bench :9000 /upload -d @body.bin -t 10
  fcgi bench :9000 / --close
  fcgi bench :8080 / --http                   the same over HTTP/1.1, for comparison

Exits with 1 if a request failed or got a 5xx.")]
pub(crate) struct BenchArgs {
    /// The application's address
    #[arg(value_name = "ADDR")]
    pub(crate) target: Target,

    /// The request target: a path with an optional query
    #[arg(default_value = "/")]
    pub(crate) path: String,

    #[command(flatten)]
    pub(crate) request: RequestArgs,

    /// The request body: text or @FILE
    #[arg(short, long, value_name = "BODY", value_hint = ValueHint::FilePath)]
    pub(crate) data: Option<String>,

    /// Number of connections, each with one request at a time
    #[arg(short, long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65535))]
    pub(crate) connections: u32,

    /// Total number of requests [default: 10000, unless --time is set]
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) requests: Option<u64>,

    /// Duration in seconds
    #[arg(short, long, value_name = "SECONDS", conflicts_with = "requests", value_parser = seconds)]
    pub(crate) time: Option<Duration>,

    /// Open a connection per request
    #[arg(long)]
    pub(crate) close: bool,

    /// Send the requests to an HTTP/1.1 server
    #[arg(long)]
    pub(crate) http: bool,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) wait: Wait,
}

/// Checks an application against the rules of FastCGI 1.0
///
/// Each rule has its section of the specification. "n/a" means that the specification leaves it to the application. A rule
/// broken by silence takes the whole --timeout.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fcgi check /run/app.sock
  fcgi check :9000 /status --json | jq '.rules[] | select(.verdict == \"fail\")'
  fcgi check /run/php/php-fpm.sock /check.php --script /var/www/check.php
  fcgi check :9000 / --echo /echo             also compares bodies
  fcgi check --list

Exits with 1 if a rule is broken.")]
pub(crate) struct CheckArgs {
    /// The application's address
    #[arg(value_name = "ADDR", required_unless_present = "list")]
    pub(crate) target: Option<Target>,

    /// The request target: preferably with a small response that is always the same
    #[arg(default_value = "/")]
    pub(crate) path: String,

    #[command(flatten)]
    pub(crate) request: RequestArgs,

    /// A path at which the application echoes the body, to compare bodies
    #[arg(long, value_name = "PATH")]
    pub(crate) echo: Option<String>,

    /// Check only rules whose names contain this; may be repeated
    #[arg(long = "only", value_name = "NAME")]
    pub(crate) only: Vec<String>,

    /// List the rules and exit
    #[arg(long)]
    pub(crate) list: bool,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,

    /// Longest wait for each expected event, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = seconds)]
    pub(crate) timeout: Duration,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Wait {
    /// Longest wait without progress, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) timeout: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds
        .filter(|time| !time.is_zero())
        .ok_or_else(|| "invalid time: expected a number of seconds, such as 10 or 0.5".to_owned())
}
