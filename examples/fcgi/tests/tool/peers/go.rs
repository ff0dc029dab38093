//! Go's `net/http/fcgi`.

use std::fs;
use std::process::Command;

use test_support::find_program;

use super::Peer;
use super::build::{first_line, folder, run, start};

pub(super) const PEER: Peer = Peer {
    name: "Go net/http/fcgi",
    find: || {
        let go = find_program(&["go"])?;
        let version = first_line(&go, &["version"]).ok_or("`go version` failed")?;
        Ok(version.split(' ').nth(2).unwrap_or_default().trim_start_matches("go").to_owned())
    },
    start: || {
        let folder = folder("peer-go")?;
        fs::write(folder.join("main.go"), include_str!("main.go"))?;
        let go = find_program(&["go"])?;
        let mut command = Command::new(go);
        command.args(["build", "-o", "peer", "main.go"]).current_dir(&folder);
        // The program uses only the standard library, and the build writes only into this folder.
        command.env("GO111MODULE", "off").env("GOFLAGS", "").env("CGO_ENABLED", "0");
        command.env("GOCACHE", folder.join("cache")).env("GOPATH", folder.join("path"));
        run(&mut command)?;
        start(&folder.join("peer"))
    },
    faults: &[
        "get-values-names",
        "get-values-then",
        "unknown-type",
        "unknown-type-then",
        "body-short",
        "early-no-end",
        "abort-then-next",
    ],
};
