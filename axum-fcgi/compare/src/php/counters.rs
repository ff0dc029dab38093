//! Instructions and system calls per request of both web servers.

use std::{fs, io, process::Stdio};

use super::setup::{Connections, Setup, Side};
use crate::{
    callers::Get,
    counter::{self, Counter},
    process,
};

/// Two runs with different numbers of requests. Their difference excludes the work done once per run.
const REQUEST_COUNTS: [usize; 2] = [8_000, 1_600];

/// PHP's processes, and the callers.
const CHILDREN: usize = 8;

pub(super) fn run(connections: Connections) -> io::Result<()> {
    let setup = Setup::new(CHILDREN, connections)?;
    println!("Connections to PHP: {}\n", connections.name());
    println!("| for each request | axum with PhpGateway | nginx | PhpGateway / nginx |");
    println!("| --- | --- | --- | --- |");
    for counter in &Counter::ALL {
        let [gateway, nginx] = Side::BOTH.map(|side| per_request(counter, &setup, side));
        let (gateway, nginx) = (gateway?, nginx?);
        let digits = counter::digits(gateway);
        println!("| {} | {gateway:.digits$} | {nginx:.digits$} | {:.2} |", counter.label, gateway / nginx);
    }
    println!();
    Ok(())
}

/// The count per request of a web server.
fn per_request(counter: &Counter, setup: &Setup, side: Side) -> io::Result<f64> {
    let output = setup.scratch().path().join("counted");
    // Both web servers use chunked encoding.
    let get = Get { port: setup.port(side), path: "/php/hello.php", end: "\r\n0\r\n\r\n" };
    let count = |requests| -> io::Result<f64> {
        let mut command = counter.command();
        setup.complete(side, &mut command)?;
        command.stdout(Stdio::null()).stderr(fs::File::create(&output)?);
        let mut server = setup.start_with(side, &mut command)?;
        get.send(CHILDREN, requests)?;
        process::wait_until_asleep(server.child().id())?;
        drop(server);
        counter.read(&output)
    };
    let [many, few] = REQUEST_COUNTS.map(count);
    Ok((many? - few?) / (REQUEST_COUNTS[0] - REQUEST_COUNTS[1]) as f64)
}
