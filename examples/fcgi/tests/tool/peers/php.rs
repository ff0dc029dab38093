//! php-fpm.

use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use test_support::Process;

use super::build::{find, first_line};
use super::{Peer, Started};

/// Finds php-fpm. Debian adds the version to its name.
fn program() -> Option<PathBuf> {
    let versions = (0..10).rev().map(|minor| format!("php-fpm8.{minor}"));
    let names: Vec<_> = versions.chain(["php-fpm".to_owned()]).collect();
    find(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

pub(super) const PEER: Peer = Peer {
    name: "php-fpm",
    find: || {
        let program = program().ok_or("php-fpm is not in PATH or /usr/sbin")?;
        let version = first_line(&program, &["-v"]).ok_or("`php-fpm -v` failed")?;
        Ok(version.split(' ').nth(1).unwrap_or_default().to_owned())
    },
    start: || {
        let directory = tempfile::TempDir::new()?;
        let path = directory.path();
        let (script, socket) = (path.join("index.php"), path.join("socket"));
        fs::write(&script, include_str!("index.php"))?;
        let config = format!(
            "[global]\nerror_log = {0}/error.log\ndaemonize = no\n[www]\nuser = root\nlisten = {0}/socket\npm = static\n\
            pm.max_children = 2\n",
            path.display()
        );
        fs::write(path.join("fpm.conf"), config)?;
        let mut command = Command::new(program().ok_or("php-fpm is not in PATH or /usr/sbin")?);
        command.args(["--nodaemonize", "--allow-to-run-as-root", "--no-php-ini", "--fpm-config"]);
        command.arg(path.join("fpm.conf")).stdin(Stdio::null());
        command.stdout(File::create(path.join("stdout"))?).stderr(File::create(path.join("stderr"))?);
        let process = Process::start(&mut command, || UnixStream::connect(&socket).is_ok())?;
        let (socket, script) = (socket.display().to_string(), script.display().to_string());
        let arguments = [&socket, "/", "--script", &script, "--echo", "/echo"].map(str::to_owned).to_vec();
        Ok(Started { arguments, _alive: vec![Box::new(process), Box::new(directory)] })
    },
    faults: &[
        "stdout-end",
        "padding-empty",
        "version",
        "inactive-ids-before",
        "unknown-type",
        "unknown-type-then",
        "params-split",
        "params-bytes",
        "params-long",
        "body-short",
        "abort-then-next",
        "multiplex",
        "unknown-role",
        "unknown-role-then",
    ],
};
