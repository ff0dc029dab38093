//! Runs a mixed load against a server of its own for some time, checks every byte of every answer, and watches the
//! server's memory, descriptors and tasks:
//!
//! ```sh
//! cargo run --release -p soak -- 1200
//! ```
//!
//! for twenty minutes; without a number, for sixty seconds. The load is small answers, large ones, large uploads,
//! events, aborts, clients that hang up, answers before the upload has ended, panics, a connection for each request,
//! and requests that share one. It ends with a verdict, and with a failure where an answer was wrong or lost, or
//! something leaked.

mod answer;
mod application;
mod connection;
mod load;
mod pattern;
mod scenario;
mod server;
mod tally;
mod watch;

use std::env;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use self::load::Load;
use self::server::Server;
use self::watch::Watch;

/// What the process is called with to be the server.
const SERVE: &str = "--serve";

fn main() -> io::Result<ExitCode> {
    let mut arguments = env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some(SERVE), Some(path)) => application::serve(&path).map(|()| ExitCode::SUCCESS),
        (None, None) => soak(Duration::from_secs(60)),
        (Some(seconds), None) if seconds.parse::<u32>().is_ok_and(|seconds| seconds > 0) => {
            soak(Duration::from_secs(seconds.parse().unwrap_or(60)))
        }
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "usage: soak [SECONDS]")),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn soak(time: Duration) -> io::Result<ExitCode> {
    let server = Server::start().await?;
    println!("{} s against process {}", time.as_secs(), server.pid());
    let before = server.state().await?;
    let load = Load::start(server.path());
    let mut watch = Watch::new(&server);
    watch.run(time, &load).await?;
    let tally = load.stop().await;
    let after = server.settle(&before).await?;

    println!("\n{tally}");
    let leaks = after.leaks(&before);
    for leak in &leaks {
        println!("leaked: {leak}");
    }
    let flat = watch.is_flat();
    println!("{}", watch.memory());
    let good = tally.is_good() && leaks.is_empty() && flat;
    println!(
        "{}: {} wrong, {} lost, {} leaked, memory {}",
        if good { "good" } else { "NOT GOOD" },
        tally.wrong(),
        tally.lost(),
        leaks.len(),
        if flat { "flat" } else { "GROWS" }
    );
    server.stop().await?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
