//! Starts a server, runs a mixed load against it, checks every byte of every response, and watches the server's memory,
//! descriptors and tasks:
//!
//! ```sh
//! cargo run --release -p soak -- 1200
//! ```
//!
//! runs for twenty minutes; the default is sixty seconds. The load consists of small and large responses, large uploads,
//! events, aborts, clients that disconnect, early responses, panics, one connection per request, and concurrent requests
//! on a connection. It prints a verdict, and fails if a response was wrong or lost or something leaked.

mod application;
mod connection;
mod load;
mod pattern;
mod response;
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

/// The argument that makes the process the server.
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
