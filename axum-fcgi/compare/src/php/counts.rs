//! What a request costs either web server in instructions and in system calls.

use std::{
    env, fs, io,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    path::Path,
    process::{Command, Stdio},
    thread,
};

use test_support::Process;

use super::{CHILDREN, Setup, listens};
use crate::{application, headers};

/// The same, once with many requests and once with few: what is done once is in both.
const COUNTED: [usize; 2] = [8_000, 1_600];

/// What counts, and how it says so.
struct Counter {
    what: &'static str,
    arguments: &'static [&'static str],
    figure: fn(&str) -> Option<&str>,
}

const COUNTERS: [Counter; 2] = [
    Counter {
        what: "instructions, user space alone",
        arguments: &["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"],
        figure: |said| said.lines().find_map(|line| Some(line.split_once("Collected : ")?.1)),
    },
    Counter {
        what: "system calls",
        arguments: &["strace", "-f", "-c"],
        // Of the columns of the line of sums the fourth is how many, where the third is microseconds a call.
        figure: |said| {
            let sums = said.lines().find(|line| line.ends_with(" total"))?;
            sums.split_whitespace().nth(3)
        },
    },
];

pub(super) fn run(setup: &Setup) -> io::Result<()> {
    for (program, argument) in [("valgrind", "--version"), ("strace", "-V")] {
        if !application::is_installed(program, argument) {
            return Err(io::Error::other(format!("{program} is not installed")));
        }
    }
    println!("| for each request | axum with FastCgi | nginx | FastCgi / nginx |");
    println!("| --- | --- | --- | --- |");
    let [ours, theirs] = setup.ports;
    let front = env::current_exe()?;
    for counter in &COUNTERS {
        let front = each(counter, setup, ours, |command| setup.front(command.arg(&front)))?;
        let nginx = each(counter, setup, theirs, |command| setup.nginx(command.arg("nginx")))?;
        let digits = usize::from(front < 100.0);
        println!("| {} | {front:.digits$} | {nginx:.digits$} | {:.2} |", counter.what, front / nginx);
    }
    Ok(())
}

/// How many for each request. `complete` puts the program's own arguments behind the counter's.
fn each(counter: &Counter, setup: &Setup, port: u16, complete: impl Fn(&mut Command)) -> io::Result<f64> {
    let said = setup.scratch.path().join("counted");
    let counted = |requests| -> io::Result<f64> {
        let [program, arguments @ ..] = counter.arguments else { unreachable!("each has a program") };
        let mut command = Command::new(program);
        command.args(arguments);
        complete(&mut command);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(&said)?);
        let started = Process::start(&mut command, listens(port)).map_err(io::Error::other)?;
        ask(port, requests)?;
        drop(started);
        figure(counter, &said)
    };
    let [many, few] = COUNTED.map(counted);
    Ok((many? - few?) / (COUNTED[0] - COUNTED[1]) as f64)
}

fn figure(counter: &Counter, said: &Path) -> io::Result<f64> {
    let said = fs::read_to_string(said)?;
    (counter.figure)(&said)
        .and_then(|figure| figure.trim().parse().ok())
        .ok_or_else(|| io::Error::other(format!("{} said something else: {said}", counter.arguments[0])))
}

/// So many requests, as wrk sends them.
fn ask(port: u16, requests: usize) -> io::Result<()> {
    let callers = (0..CHILDREN).map(|_| thread::spawn(move || ask_one_by_one(port, requests / CHILDREN)));
    callers
        .collect::<Vec<_>>()
        .into_iter()
        .try_for_each(|caller| caller.join().unwrap_or_else(|_| Err(io::Error::other("a caller panicked"))))
}

fn ask_one_by_one(port: u16, requests: usize) -> io::Result<()> {
    let mut request = format!("GET /php/hello.php HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n");
    for (name, value) in headers::LINK.into_iter().filter(|(name, _)| *name != "host") {
        request += &format!("{name}: {value}\r\n");
    }
    request += "\r\n";
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    for _ in 0..requests {
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        // Neither web server knows its length before.
        while !answer.ends_with(b"\r\n0\r\n\r\n") {
            let mut piece = [0; 4096];
            let read = stream.read(&mut piece)?;
            answer.extend_from_slice(&piece[..read]);
            let text = String::from_utf8_lossy(&answer);
            if read == 0 || (text.contains("\r\n\r\n") && !text.starts_with("HTTP/1.1 200 OK\r\n")) {
                return Err(io::Error::other(format!("another answer: {text}")));
            }
        }
        if !String::from_utf8_lossy(&answer).contains("Hello, World!") {
            return Err(io::Error::other("the answer has another body"));
        }
    }
    Ok(())
}
