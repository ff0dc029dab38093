//! Instructions and system calls per request of both web servers.

use std::{
    env, fs, io,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    process::{Command, Stdio},
    thread,
};

use test_support::Process;

use super::{CHILDREN, Setup, listens};
use crate::{
    counter::{self, Counter},
    headers,
};

/// Two runs with different numbers of requests. Their difference excludes the work done once per run.
const REQUEST_COUNTS: [usize; 2] = [8_000, 1_600];

pub(super) fn run(setup: &Setup) -> io::Result<()> {
    counter::check_installed()?;
    println!("| for each request | axum with FastCgi | nginx | FastCgi / nginx |");
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
    let count = |requests| -> io::Result<f64> {
        let mut command = counter.command();
        complete(&mut command);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(&output)?);
        let server = Process::start(&mut command, listens(port)).map_err(io::Error::other)?;
        send_requests(port, requests)?;
        drop(server);
        counter.read(&output)
    };
    let [many, few] = REQUEST_COUNTS.map(count);
    Ok((many? - few?) / (REQUEST_COUNTS[0] - REQUEST_COUNTS[1]) as f64)
}

/// Sends this number of requests from several threads, as wrk does.
fn send_requests(port: u16, requests: usize) -> io::Result<()> {
    let callers = (0..CHILDREN).map(|_| thread::spawn(move || send_sequentially(port, requests / CHILDREN)));
    callers
        .collect::<Vec<_>>()
        .into_iter()
        .try_for_each(|caller| caller.join().unwrap_or_else(|_| Err(io::Error::other("a caller panicked"))))
}

fn send_sequentially(port: u16, requests: usize) -> io::Result<()> {
    let mut request = format!("GET /php/hello.php HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n");
    for (name, value) in headers::NAVIGATION.into_iter().filter(|(name, _)| *name != "host") {
        request += &format!("{name}: {value}\r\n");
    }
    request += "\r\n";
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    for _ in 0..requests {
        stream.write_all(request.as_bytes())?;
        let mut response = Vec::new();
        // Both web servers use chunked encoding.
        while !response.ends_with(b"\r\n0\r\n\r\n") {
            let mut chunk = [0; 4096];
            let read = stream.read(&mut chunk)?;
            response.extend_from_slice(&chunk[..read]);
            let text = String::from_utf8_lossy(&response);
            if read == 0 || (text.contains("\r\n\r\n") && !text.starts_with("HTTP/1.1 200 OK\r\n")) {
                return Err(io::Error::other(format!("unexpected response: {text}")));
            }
        }
        if !String::from_utf8_lossy(&response).contains("Hello, World!") {
            return Err(io::Error::other("unexpected response body"));
        }
    }
    Ok(())
}
