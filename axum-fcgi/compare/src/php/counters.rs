//! Instructions and system calls per request of both web servers.

use std::{
    env, fs, io,
    process::{Command, Stdio},
};

use test_support::Process;

use super::{CHILDREN, Setup, listens};
use crate::{
    callers::Get,
    counter::{self, Counter},
    process,
};

/// Two runs with different numbers of requests. Their difference excludes the work done once per run.
const REQUEST_COUNTS: [usize; 2] = [8_000, 1_600];

pub(super) fn run(setup: &Setup) -> io::Result<()> {
    counter::check_installed()?;
    println!("| for each request | axum with PhpGateway | nginx | PhpGateway / nginx |");
    println!("| --- | --- | --- | --- |");
    let [ours, theirs] = setup.ports;
    let program = env::current_exe()?;
    for counter in &Counter::ALL {
        let gateway = per_request(counter, setup, ours, |command| setup.gateway(command.arg(&program)))?;
        let nginx = per_request(counter, setup, theirs, |command| setup.nginx(command.arg("nginx")))?;
        let digits = counter::digits(gateway);
        println!("| {} | {gateway:.digits$} | {nginx:.digits$} | {:.2} |", counter.label, gateway / nginx);
    }
    Ok(())
}

/// The count per request. `complete` appends the web server's command line to the counter's.
fn per_request(
    counter: &Counter,
    setup: &Setup,
    port: u16,
    complete: impl Fn(&mut Command),
) -> io::Result<f64> {
    let output = setup.scratch.path().join("counted");
    // Both web servers use chunked encoding.
    let get = Get { port, path: "/php/hello.php", end: "\r\n0\r\n\r\n" };
    let count = |requests| -> io::Result<f64> {
        let mut command = counter.command();
        complete(&mut command);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(&output)?);
        let mut server = Process::start(&mut command, listens(port)).map_err(io::Error::other)?;
        get.send(CHILDREN, requests)?;
        process::wait_until_asleep(server.child().id())?;
        drop(server);
        counter.read(&output)
    };
    let [many, few] = REQUEST_COUNTS.map(count);
    Ok((many? - few?) / (REQUEST_COUNTS[0] - REQUEST_COUNTS[1]) as f64)
}
