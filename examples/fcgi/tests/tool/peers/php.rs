//! php-fpm.

use std::fs;

use test_support::PhpFpm;

use super::build::first_line;
use super::{Peer, Started};

pub(super) const PEER: Peer = Peer {
    name: "php-fpm",
    find: || {
        let program = PhpFpm::find()?;
        let version = first_line(&program, &["-v"]).ok_or("`php-fpm -v` failed")?;
        Ok(version.split(' ').nth(1).unwrap_or_default().to_owned())
    },
    start: || {
        let directory = tempfile::TempDir::new()?;
        let path = directory.path();
        let script = path.join("index.php");
        fs::write(&script, include_str!("index.php"))?;
        let fpm = PhpFpm::start(&PhpFpm::find()?, path, 2, "")?;
        let (socket, script) = (fpm.socket().display().to_string(), script.display().to_string());
        let arguments = [&socket, "/", "--script", &script, "--echo", "/echo"].map(str::to_owned).to_vec();
        Ok(Started { arguments, _alive: vec![Box::new(fpm), Box::new(directory)] })
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
