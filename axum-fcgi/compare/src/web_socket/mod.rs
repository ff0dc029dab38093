//! WebSockets behind lighttpd: messages, and the memory of idle ones, over FastCGI and HTTP.

mod client;
mod echo;
mod site;

use std::io;

use test_support::{Installed, Version, WebServer};

pub(crate) use self::echo::upgrade;
use self::{
    client::Echo,
    site::{Run, Site},
};
use crate::{application::Protocol, kept_connections, options::Options, scratch::Scratch, summary::Summary};

/// The first lighttpd that carries upgrades over FastCGI.
const FIRST_LIGHTTPD: [u32; 3] = [1, 4, 74];
const SIZES: [usize; 2] = [64, 16 * 1024];
/// Echoed messages of a run, over [`ACTIVE`] WebSockets.
const MESSAGES: usize = 10_000;
const ACTIVE: usize = 16;
const IDLE: usize = 1_000;
/// WebSockets opened before the first measurement, which excludes memory that is allocated once.
const WARM_UP: usize = 32;

/// Measures messages, then memory.
///
/// # Errors
/// There is no lighttpd that carries upgrades, or a WebSocket failed.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    let lighttpd = WebServer::Lighttpd.find().map_err(io::Error::other)?;
    let version = lighttpd.version().map_err(io::Error::other)?;
    let first = Version::from(FIRST_LIGHTTPD);
    if version < first {
        return Err(io::Error::other(format!("lighttpd {version} is older than {first}")));
    }
    println!("lighttpd {version}; {MESSAGES} messages a run, echoed over {ACTIVE} WebSockets\n");
    println!(
        "| bytes | messages/s: FastCGI; HTTP | FastCGI, µs: web server + application | HTTP, µs | FastCGI / HTTP of the whole: min / median / max |"
    );
    println!("| --- | --- | --- | --- | --- |");
    for size in SIZES {
        let rounds = rounds(&lighttpd, size, options.rounds)?;
        println!(
            "| {size} | {:.0}; {:.0} | {} | {} | {} |",
            median(&rounds, 0, Run::rate),
            median(&rounds, 1, Run::rate),
            costs(&rounds, 0),
            costs(&rounds, 1),
            Summary::of(rounds.iter().map(|[fastcgi, http]| fastcgi.whole() / http.whole())),
        );
    }
    memory(&lighttpd)
}

/// One run over each protocol a round, in turns.
fn rounds(lighttpd: &Installed, size: usize, rounds: usize) -> io::Result<Vec<[Run; 2]>> {
    let scratch = Scratch::new()?;
    let echo = Echo::new(size)?;
    let mut sites = [
        Site::start(lighttpd, Protocol::FastCgi, &scratch)?,
        Site::start(lighttpd, Protocol::Http, &scratch)?,
    ];
    let mut clients = Vec::new();
    for site in &sites {
        clients.push((0..ACTIVE).map(|_| site.connect()).collect::<io::Result<Vec<_>>>()?);
    }
    let [fastcgi, http] = &mut sites;
    let [fastcgi_clients, http_clients] = clients.as_mut_slice() else { return Ok(Vec::new()) };
    let mut round = || -> io::Result<[Run; 2]> {
        Ok([fastcgi.run(fastcgi_clients, &echo, MESSAGES)?, http.run(http_clients, &echo, MESSAGES)?])
    };
    // Grows the buffers of both.
    round()?;
    (0..rounds).map(|_| round()).collect()
}

fn median(rounds: &[[Run; 2]], side: usize, figure: fn(&Run) -> f64) -> f64 {
    Summary::of(rounds.iter().map(|round| figure(&round[side]))).median
}

/// The medians of web server and application.
fn costs(rounds: &[[Run; 2]], side: usize) -> String {
    format!("{:.1} + {:.1}", median(rounds, side, Run::server), median(rounds, side, Run::application))
}

/// The growth of the application's memory for WebSockets that have echoed one message.
fn memory(lighttpd: &Installed) -> io::Result<()> {
    // lighttpd has two files open for each.
    let sockets = kept_connections::within_file_limit(2 * IDLE) / 2;
    println!("\nGrowth of the application's resident memory for each of {sockets} idle WebSockets\n");
    println!("| protocol | bytes per WebSocket |");
    println!("| --- | --- |");
    let echo = Echo::new(64)?;
    for protocol in Protocol::BOTH {
        let scratch = Scratch::new()?;
        let site = Site::start(lighttpd, protocol, &scratch)?;
        let open = |count: usize| -> io::Result<Vec<_>> {
            (0..count)
                .map(|_| {
                    let mut client = site.connect()?;
                    client.send(&echo)?;
                    client.receive(&echo)?;
                    Ok(client)
                })
                .collect()
        };
        let first = open(WARM_UP)?;
        let before = site.resident_bytes()?;
        let others = open(sockets)?;
        let grown = site.resident_bytes()?.saturating_sub(before);
        println!("| {} | {:.0} |", protocol.name(), grown as f64 / others.len() as f64);
        drop(first);
    }
    println!("\n{}", kept_connections::file_limit_line());
    Ok(())
}
