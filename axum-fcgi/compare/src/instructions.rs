//! What a request costs the application in instructions and system calls, over FastCGI and HTTP.

use std::{fs::File, io, path::Path};

use crate::{
    application::{Application, Kind, Protocol},
    counter::{self, Counter},
    load::Load,
    options::Options,
    scratch::Scratch,
    work::Work,
};

/// The work over FastCGI and HTTP, and the numbers of requests of two runs. Their difference excludes the work done once
/// per run.
struct Row {
    name: &'static str,
    label: &'static str,
    fastcgi: Work,
    http: Work,
    requests: [usize; 2],
}

impl Row {
    const fn new(name: &'static str, label: &'static str, work: Work, requests: [usize; 2]) -> Self {
        Self { name, label, fastcgi: work, http: work, requests }
    }
}

const MANY: [usize; 2] = [12_000, 2_000];
const FEW: [usize; 2] = [600, 100];

/// Large bodies and connections that serve one request each are sequential: under callgrind the application is so slow
/// that with several at once, the sockets would always be full.
const ROWS: [Row; 6] = [
    Row::new("hello-kept", "`GET /hello`, 32 kept connections", Work::hello(32), MANY),
    Row {
        name: "hello-multiplexed",
        label: "`GET /hello`, 4 kept connections x 16; HTTP: 64",
        fastcgi: Work::hello(4).multiplexed(16),
        http: Work::hello(64),
        requests: MANY,
    },
    Row::new(
        "hello-each",
        "`GET /hello`, a connection each, one after another",
        Work::hello(1).connection_per_request(),
        [6_000, 1_000],
    ),
    Row::new("up-16k", "16 KiB up, 32 kept connections", Work::up(32, 16 * 1024), MANY),
    Row::new("up-1m", "1 MiB up, one after another", Work::up(1, 1024 * 1024), FEW),
    Row::new("down-1m", "1 MiB down, one after another", Work::down_1_mib(1), FEW),
];

pub(crate) fn run(options: &Options) -> io::Result<()> {
    counter::check_installed()?;
    let scratch = Scratch::new()?;
    println!("For each request, in the application\n");
    println!("| work | count | FastCGI | HTTP | FastCGI / HTTP |");
    println!("| --- | --- | --- | --- | --- |");
    for row in ROWS.iter().filter(|row| options.selects(row.name)) {
        for counter in &Counter::ALL {
            let fastcgi =
                per_request(counter, &scratch, Kind::new(Protocol::FastCgi), row.fastcgi, row.requests)?;
            let http = per_request(counter, &scratch, Kind::new(Protocol::Http), row.http, row.requests)?;
            let (label, ratio, digits) = (row.label, fastcgi / http, counter::digits(fastcgi));
            println!("| {label} | {} | {fastcgi:.digits$} | {http:.digits$} | {ratio:.2} |", counter.label);
        }
    }
    Ok(())
}

pub(crate) fn per_request(
    counter: &Counter,
    scratch: &Scratch,
    kind: Kind,
    work: Work,
    requests: [usize; 2],
) -> io::Result<f64> {
    let output = scratch.path().join("counted");
    let [many, few] = requests.map(|requests| count(counter, scratch, &output, kind, work, requests));
    Ok((many? - few?) / (requests[0] - requests[1]) as f64)
}

/// The count of a whole run.
fn count(
    counter: &Counter,
    scratch: &Scratch,
    output: &Path,
    kind: Kind,
    work: Work,
    requests: usize,
) -> io::Result<f64> {
    let mut command = counter.command();
    command.stderr(File::create(output)?);
    let application = Application::start_counted(kind, scratch, command)?;
    let mut load = Load::open(application.socket(), kind.protocol, work)?;
    load.run_requests(requests)?;
    drop(load);
    application.exit()?;
    counter.read(output)
}
