//! What the kernel tells about processes, and on which cores they run.

use std::{
    ffi::OsStr,
    fmt, fs, io,
    process::{Command, Stdio},
    time::Duration,
};

/// What a process has used so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    pub(crate) resident_bytes: u64,
}

impl Usage {
    pub(crate) fn of(process: u32) -> io::Result<Self> {
        let cpu = scheduled(process).or_else(|_| ticks(process))?;
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let resident = field(&status, "VmRSS:").ok_or_else(|| io::Error::other("no VmRSS"))?;
        Ok(Self { cpu, resident_bytes: resident * 1024 })
    }
}

/// In nanoseconds, of all threads. Not every kernel is built with it.
fn scheduled(process: u32) -> io::Result<Duration> {
    let mut sum = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let line = fs::read_to_string(thread?.path().join("schedstat"))?;
        let on_cpu = line.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok());
        sum += Duration::from_nanos(on_cpu.ok_or_else(|| io::Error::other("no figure in schedstat"))?);
    }
    Ok(sum)
}

/// In ticks, of which a second is taken to have 100: USER_HZ is that on every architecture but two that are
/// no longer built, and asking `sysconf` would take `unsafe`. With this a run should last a second or more.
fn ticks(process: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is the program's name, and may hold anything but ends at the last parenthesis.
    let (_, rest) = stat.rsplit_once(')').ok_or_else(|| io::Error::other("no name in stat"))?;
    // utime and stime are fields 14 and 15, the first of these is 3.
    let ticks =
        rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>();
    Ok(Duration::from_millis(ticks * 10))
}

/// How many files this process may have open; its children inherit it.
pub(crate) fn open_files() -> io::Result<usize> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let soft = field(&limits, "Max open files").and_then(|files| files.try_into().ok());
    // "unlimited" is no number.
    Ok(soft.unwrap_or(usize::MAX))
}

fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
}

/// Where the application runs. This process has moved to another core, if there is one.
#[derive(Debug)]
pub(crate) enum Cores {
    Divided { load: String, application: String },
    Shared(&'static str),
}

impl Cores {
    /// Takes two of the cores that this process may use, and moves it to the first.
    pub(crate) fn divide() -> io::Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let list =
            status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default();
        let mut cores = list.trim().split(',').flat_map(range);
        let (Some(load), Some(application)) = (cores.next(), cores.next()) else {
            return Ok(Self::Shared("there is only one core"));
        };
        let this = std::process::id().to_string();
        let moved = Command::new("taskset").args(["-cp", &load, &this]).stdout(Stdio::null()).status();
        match moved {
            Ok(status) if status.success() => Ok(Self::Divided { load, application }),
            _ => Ok(Self::Shared("taskset did not work")),
        }
    }

    pub(crate) fn application(&self) -> Option<&str> {
        match self {
            Self::Divided { application, .. } => Some(application),
            Self::Shared(_) => None,
        }
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Divided { load, application } => {
                write!(f, "application on core {application}, load on core {load}")
            }
            Self::Shared(why) => write!(f, "NOT PINNED ({why}): the load takes time from the application"),
        }
    }
}

/// `3` or `0-3`, as the kernel lists cores.
fn range(list: &str) -> Vec<String> {
    let (first, last) = list.split_once('-').unwrap_or((list, list));
    match (first.parse::<u32>(), last.parse::<u32>()) {
        (Ok(first), Ok(last)) => (first..=last).map(|core| core.to_string()).collect(),
        _ => Vec::new(),
    }
}

/// A command that runs on this core only. `taskset` becomes the program, so the process id is its own.
pub(crate) fn pinned(program: impl AsRef<OsStr>, core: Option<&str>) -> Command {
    let Some(core) = core else { return Command::new(program) };
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(program);
    command
}
