//! Compares two kinds of work in alternating runs.

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

/// Unmeasured time before each run, in which connections are accepted and buffers grow.
const WARM_UP: Duration = Duration::from_millis(200);

struct Comparison {
    name: &'static str,
    /// Describes `a` and `b` in the table.
    label: &'static str,
    a: (Protocol, Work),
    b: (Protocol, Work),
}

impl Comparison {
    /// The same work over both protocols.
    const fn same_work(name: &'static str, label: &'static str, work: Work) -> Self {
        Self { name, label, a: (Protocol::FastCgi, work), b: (Protocol::Http, work) }
    }
}

static COMPARISONS: [Comparison; 8] = [
    Comparison::same_work("hello-kept", "FastCGI : HTTP, 32 kept connections", Work::hello(32)),
    Comparison::same_work(
        "hello-varied",
        "FastCGI : HTTP, 32 kept connections, each with another browser's headers",
        Work::hello(32).varied(),
    ),
    Comparison {
        name: "hello-multiplexed",
        label: "FastCGI, 4 kept connections x 16 : HTTP, 64 kept connections",
        a: (Protocol::FastCgi, Work::hello(4).multiplexed(16)),
        b: (Protocol::Http, Work::hello(64)),
    },
    Comparison::same_work(
        "hello-each",
        "FastCGI : HTTP, a connection each, 32 at once",
        Work::hello(32).connection_per_request(),
    ),
    Comparison::same_work("up-16k", "FastCGI : HTTP, 32 kept connections", Work::up(32, 16 * 1024)),
    Comparison::same_work("up-1m", "FastCGI : HTTP, 8 kept connections", Work::up(8, 1024 * 1024)),
    Comparison::same_work("down-1m", "FastCGI : HTTP, 8 kept connections", Work::down_1_mib(8)),
    Comparison {
        name: "in-flight",
        label: "FastCGI, 10 connections x 100 : FastCGI, 1 connection x 16",
        a: (Protocol::FastCgi, Work::hello(10).multiplexed(100)),
        b: (Protocol::FastCgi, Work::hello(1).multiplexed(16)),
    },
];

/// The figures of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) requests: u64,
    pub(crate) cpu: Duration,
    pub(crate) time: Duration,
}

impl Run {
    /// Measures an application under `work`, over new connections.
    pub(crate) fn measure(
        application: &Application,
        protocol: Protocol,
        work: Work,
        time: Duration,
    ) -> io::Result<Self> {
        let mut load = Load::open(application.socket(), protocol, work)?;
        if work.active < work.connections {
            load.send_one_on_each(0..work.connections)?;
        }
        load.start()?;
        load.run_for(WARM_UP)?;
        let (start, before) = (Instant::now(), application.usage()?.cpu);
        let requests = load.run_for(time)?;
        let (cpu, time) = (application.usage()?.cpu - before, start.elapsed());
        if requests == 0 {
            return Err(io::Error::other("no response arrived; use more --seconds"));
        }
        Ok(Self { requests, cpu, time })
    }

    /// CPU time of the application per request, in microseconds.
    pub(crate) fn microseconds(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.requests as f64
    }

    /// The application's share of its core, in percent.
    fn busy(&self) -> f64 {
        self.cpu.as_secs_f64() * 100.0 / self.time.as_secs_f64()
    }
}

pub(crate) fn run(options: &Options, cores: &Cores) -> io::Result<()> {
    let selected: Vec<_> = COMPARISONS.iter().filter(|comparison| options.selects(comparison.name)).collect();
    if selected.is_empty() {
        return Ok(());
    }
    println!("CPU time of the application per request, a : b\n");
    println!("| work | a : b | a, µs | b, µs | a / b: min / median / max | busy a, b |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for comparison in selected {
        comparison.run(options, cores)?;
    }
    println!();
    Ok(())
}

impl Comparison {
    fn run(&self, options: &Options, cores: &Cores) -> io::Result<()> {
        let scratch = Scratch::new()?;
        let sides = [self.a, self.b];
        // Both run during all rounds. The one that is not measured has no connection and sleeps.
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
        let median = |side: usize, figure: fn(&Run) -> f64| {
            Summary::of(rounds.iter().map(|round| figure(&round[side]))).median
        };
        println!(
            "| {} | {} | {:.2} | {:.2} | {} | {:.0} %, {:.0} % |",
            self.name,
            self.label,
            median(0, Run::microseconds),
            median(1, Run::microseconds),
            Summary::of(rounds.iter().map(|[a, b]| a.microseconds() / b.microseconds())),
            median(0, Run::busy),
            median(1, Run::busy),
        );
        Ok(())
    }
}
