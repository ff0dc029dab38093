//! The program's php-fpm ends when the program does, and not before.

use std::fs;
use std::net::TcpStream;
use std::thread;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use test_support::{Result, get, wait_for};

use crate::site::{Program, directory};

/// Says that it has started, and ends once it may.
const WAITS: &str =
    "<?php touch('started'); while (!file_exists('end')) { usleep(1000); clearstatcache(); } echo 'whole';";

pub(crate) fn sigterm() -> Result {
    let site = directory(&[("index.php", "Hello!")])?;
    let mut program = Program::start(site.path(), &["--fpm", "own", "--workers", "3"])?;
    assert_eq!(get(program.port, "/")?.body, "Hello!");
    let id = program.process.child().id();
    // A master and three workers, which start one after another.
    wait_for("all workers", || Ok(descendants(id)?.len() == 4))?;
    let processes = descendants(id)?;
    assert!(program.process.terminate()?.success());
    gone(&program, &processes)
}

/// Ctrl-C signals all processes of a terminal's foreground group.
pub(crate) fn ctrl_c() -> Result {
    let site = directory(&[("waits.php", WAITS)])?;
    fs::set_permissions(&site, std::os::unix::fs::PermissionsExt::from_mode(0o777))?;
    let mut program = Program::start(site.path(), &["--fpm", "own"])?;
    let port = program.port;
    let processes = descendants(program.process.child().id())?;
    let request = thread::spawn(move || get(port, "/waits.php").map_err(|error| error.to_string()));
    wait_for("the script", || Ok(site.path().join("started").exists()))?;
    kill_process_group(Pid::from_child(program.process.child()), Signal::INT)?;
    wait_for("the program to stop listening", || Ok(TcpStream::connect(("127.0.0.1", port)).is_err()))?;
    fs::write(site.path().join("end"), "")?;
    let answer = request.join().map_err(|_| "the request panicked")??;
    assert_eq!((answer.status, &*answer.body), (200, "whole"));
    assert!(program.process.wait()?.success());
    gone(&program, &processes)
}

/// Otherwise each request would be a 502, and a supervisor would not notice.
pub(crate) fn php_ends() -> Result {
    let site = directory(&[("index.php", "Hello!")])?;
    let mut program = Program::start(site.path(), &["--fpm", "own"])?;
    let processes = descendants(program.process.child().id())?;
    let master = processes.iter().find(|process| process.parent == program.process.child().id());
    let master = Pid::from_raw(master.ok_or("no php-fpm")?.id.try_into()?).ok_or("no process id")?;
    kill_process(master, Signal::TERM)?;
    assert_eq!(program.process.wait()?.code(), Some(1));
    gone(&program, &processes)
}

/// Neither the processes nor the directory with the socket are left.
fn gone(program: &Program, processes: &[Stat]) -> Result {
    wait_for("the end of php-fpm", || {
        Ok(processes.iter().all(|process| Stat::of(process.id).is_none_or(|now| now.name != process.name)))
    })?;
    let directory = program.socket.parent().ok_or("no directory")?;
    assert!(!directory.exists(), "{}", directory.display());
    Ok(())
}

/// A process, as in `/proc/ID/stat`.
#[derive(Debug)]
struct Stat {
    id: u32,
    name: String,
    parent: u32,
}

impl Stat {
    fn of(id: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
        let mut fields = rest.split_ascii_whitespace();
        // A zombie has ended.
        let is_alive = fields.next()? != "Z";
        let parent = fields.next()?.parse().ok()?;
        is_alive.then(|| Self { id, name: name.to_owned(), parent })
    }
}

fn descendants(of: u32) -> Result<Vec<Stat>> {
    let mut found = Vec::new();
    let mut parents = vec![of];
    let ids = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let all: Vec<_> = ids.filter_map(Stat::of).collect();
    while let Some(parent) = parents.pop() {
        parents.extend(all.iter().filter(|process| process.parent == parent).map(|process| process.id));
        found.extend(
            all.iter().filter(|process| process.parent == parent).filter_map(|process| Stat::of(process.id)),
        );
    }
    Ok(found)
}
