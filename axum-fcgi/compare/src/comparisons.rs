//! One kind of work against another, in turns.

use std::{io, time::Duration, time::Instant};

use crate::{
    application::{Application, Protocol},
    load::Load,
    options::Options,
    process::Cores,
    scratch::Scratch,
    summary::Summary,
    work::Work,
};

/// What a run lasts before it is measured: connections are accepted, buffers have grown.
const WARM_UP: Duration = Duration::from_millis(200);

struct Comparison {
    name: &'static str,
    /// What `a` and `b` are, for the table.
    what: &'static str,
    a: (Protocol, Work),
    b: (Protocol, Work),
}

impl Comparison {
    /// The same work for both protocols.
    const fn same(name: &'static str, what: &'static str, work: Work) -> Self {
        Self { name, what, a: (Protocol::FastCgi, work), b: (Protocol::Http, work) }
    }
}

static COMPARISONS: [Comparison; 8] = [
    Comparison::same("hello-kept", "FastCGI : HTTP, 32 kept connections", Work::hello(32)),
    Comparison::same(
        "hello-varied",
        "FastCGI : HTTP, 32 kept connections, each with another browser's headers",
        Work::hello(32).varied(),
    ),
    Comparison {
        name: "hello-multiplexed",
        what: "FastCGI, 4 kept connections x 16 : HTTP, 64 kept connections",
        a: (Protocol::FastCgi, Work::hello(4).multiplexed(16)),
        b: (Protocol::Http, Work::hello(64)),
    },
    Comparison::same(
        "hello-each",
        "FastCGI : HTTP, a connection each, 32 at once",
        Work::hello(32).a_connection_each(),
    ),
    Comparison::same("up-16k", "FastCGI : HTTP, 32 kept connections", Work::up(32, 16 * 1024)),
    Comparison::same("up-1m", "FastCGI : HTTP, 8 kept connections", Work::up(8, 1024 * 1024)),
    Comparison::same("down-1m", "FastCGI : HTTP, 8 kept connections", Work::down_1_mib(8)),
    Comparison {
        name: "in-flight",
        what: "FastCGI, 10 connections x 100 : FastCGI, 1 connection x 16",
        a: (Protocol::FastCgi, Work::hello(10).multiplexed(100)),
        b: (Protocol::FastCgi, Work::hello(1).multiplexed(16)),
    },
];

/// One run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) requests: u64,
    pub(crate) cpu: Duration,
    pub(crate) time: Duration,
}

impl Run {
    /// Loads an application as `work` says, with connections of its own.
    pub(crate) fn measure(
        application: &Application,
        protocol: Protocol,
        work: Work,
        time: Duration,
    ) -> io::Result<Self> {
        let mut load = Load::open(application.socket(), protocol, work)?;
        if work.active < work.connections {
            load.touch(0..work.connections)?;
        }
        load.start()?;
        load.go_on(WARM_UP)?;
        let (start, before) = (Instant::now(), application.usage()?.cpu);
        let requests = load.go_on(time)?;
        let (cpu, time) = (application.usage()?.cpu - before, start.elapsed());
        if requests == 0 {
            return Err(io::Error::other("no request was answered; measure for longer"));
        }
        Ok(Self { requests, cpu, time })
    }

    /// CPU time of the application for one request, in microseconds.
    pub(crate) fn microseconds(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.requests as f64
    }

    /// The part of its core that the application used, in percent.
    fn busy(&self) -> f64 {
        self.cpu.as_secs_f64() * 100.0 / self.time.as_secs_f64()
    }
}

pub(crate) fn run(options: &Options, cores: &Cores) -> io::Result<()> {
    let wanted: Vec<_> = COMPARISONS.iter().filter(|comparison| options.wants(comparison.name)).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    println!("CPU time of the application per request, a : b\n");
    println!("| work | a : b | a, µs | b, µs | a / b: min / median / max | busy a, b |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for comparison in wanted {
        comparison.run(options, cores)?;
    }
    println!();
    Ok(())
}

impl Comparison {
    fn run(&self, options: &Options, cores: &Cores) -> io::Result<()> {
        let scratch = Scratch::new()?;
        let sides = [self.a, self.b];
        // Both stay for all rounds. The one whose turn it is not has no connection, and sleeps.
        let applications = [
            Application::start(self.a.0, &scratch, cores.application())?,
            Application::start(self.b.0, &scratch, cores.application())?,
        ];
        let mut rounds = Vec::new();
        for _ in 0..options.rounds {
            let mut round = Vec::with_capacity(2);
            for (application, (protocol, work)) in applications.iter().zip(sides) {
                round.push(Run::measure(application, protocol, work, options.time)?);
            }
            let Ok(pair) = <[Run; 2]>::try_from(round) else { unreachable!("a round has two runs") };
            rounds.push(pair);
        }
        let of = |side: usize, figure: fn(&Run) -> f64| {
            Summary::of(rounds.iter().map(|round| figure(&round[side]))).median
        };
        println!(
            "| {} | {} | {:.2} | {:.2} | {} | {:.0} %, {:.0} % |",
            self.name,
            self.what,
            of(0, Run::microseconds),
            of(1, Run::microseconds),
            Summary::of(rounds.iter().map(|[a, b]| a.microseconds() / b.microseconds())),
            of(0, Run::busy),
            of(1, Run::busy),
        );
        Ok(())
    }
}
