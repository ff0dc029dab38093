//! The kernel's figures about processes, and pinning to cores.

use std::{
    ffi::OsStr,
    fmt, fs, io,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

/// Resources that a process has used so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    pub(crate) resident_bytes: u64,
}

impl Usage {
    pub(crate) fn of(process: u32) -> io::Result<Self> {
        let cpu = schedstat_time(process).or_else(|_| tick_time(process))?;
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let resident = field(&status, "VmRSS:").ok_or_else(|| io::Error::other("no VmRSS"))?;
        Ok(Self { cpu, resident_bytes: resident * 1024 })
    }
}

/// CPU time of all threads, in nanoseconds. Not every kernel has schedstat.
fn schedstat_time(process: u32) -> io::Result<Duration> {
    let mut sum = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let line = fs::read_to_string(thread?.path().join("schedstat"))?;
        let on_cpu = line.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok());
        sum += Duration::from_nanos(on_cpu.ok_or_else(|| io::Error::other("unreadable schedstat"))?);
    }
    Ok(sum)
}

/// CPU time in ticks of 10 ms, so a run should last at least a second. USER_HZ is 100 on every architecture but two
/// that are no longer built, and `sysconf` would need `unsafe`.
fn tick_time(process: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field, the program's name, may contain anything. It ends at the last parenthesis.
    let (_, rest) = stat.rsplit_once(')').ok_or_else(|| io::Error::other("no name in stat"))?;
    // utime and stime are fields 14 and 15; `rest` starts at field 3.
    let ticks =
        rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>();
    Ok(Duration::from_millis(ticks * 10))
}

/// Waits until a process of one thread sleeps, since it has handled all its input.
///
/// nginx and others check for signals before they wait for events. A signal between the two is seen only after the next
/// event, and under valgrind there is much time between the two.
///
/// # Errors
/// The process has ended, or is still busy after a minute.
pub(crate) fn wait_until_asleep(process: u32) -> io::Result<()> {
    for _ in 0..6_000 {
        let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
        // The state follows the program's name, which may contain anything.
        if stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S')) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(10));
    }
    Err(io::Error::other(format!("process {process} is still busy after a minute")))
}

/// The limit of open files, which child processes inherit.
pub(crate) fn max_open_files() -> io::Result<usize> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let soft = field(&limits, "Max open files").and_then(|files| files.try_into().ok());
    // "unlimited" does not parse as a number.
    Ok(soft.unwrap_or(usize::MAX))
}

fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
}

/// The cores of the load and the application.
#[derive(Debug)]
pub(crate) enum Cores {
    Pinned {
        load: String,
        application: String,
    },
    /// With the reason.
    NotPinned(&'static str),
}

impl Cores {
    /// Chooses two of the available cores and pins this process to the first.
    pub(crate) fn pin() -> io::Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let list =
            status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default();
        let mut cores = list.trim().split(',').flat_map(core_range);
        let (Some(load), Some(application)) = (cores.next(), cores.next()) else {
            return Ok(Self::NotPinned("only one core is available"));
        };
        let this = std::process::id().to_string();
        let status = Command::new("taskset").args(["-cp", &load, &this]).stdout(Stdio::null()).status();
        match status {
            Ok(status) if status.success() => Ok(Self::Pinned { load, application }),
            _ => Ok(Self::NotPinned("taskset failed")),
        }
    }

    pub(crate) fn application(&self) -> Option<&str> {
        match self {
            Self::Pinned { application, .. } => Some(application),
            Self::NotPinned(_) => None,
        }
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pinned { load, application } => {
                write!(f, "application on core {application}, load on core {load}")
            }
            Self::NotPinned(reason) => write!(f, "NOT PINNED ({reason}): load and application share cores"),
        }
    }
}

/// Parses the kernel's notation of cores, `3` or `0-3`.
fn core_range(list: &str) -> Vec<String> {
    let (first, last) = list.split_once('-').unwrap_or((list, list));
    match (first.parse::<u32>(), last.parse::<u32>()) {
        (Ok(first), Ok(last)) => (first..=last).map(|core| core.to_string()).collect(),
        _ => Vec::new(),
    }
}

/// A command that runs only on this core. `taskset` executes the program in its own process, so the process id is right.
pub(crate) fn pinned(program: impl AsRef<OsStr>, core: Option<&str>) -> Command {
    let Some(core) = core else { return Command::new(program) };
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(program);
    command
}
