//! libfcgi, the specification authors' C library.

use std::fs;
use std::process::Command;

use test_support::find_program;

use super::Peer;
use super::build::{first_line, folder, run, start};

pub(super) const PEER: Peer = Peer {
    name: "libfcgi",
    find: || {
        find_program(&["cc"])?;
        let headers = ["/usr/include/fcgiapp.h", "/usr/local/include/fcgiapp.h"];
        if !headers.iter().any(|header| fs::exists(header).unwrap_or(false)) {
            return Err("fcgiapp.h is not installed: it is in libfcgi-dev".to_owned());
        }
        let dpkg = find_program(&["dpkg-query"]).ok();
        let version = dpkg.and_then(|dpkg| first_line(&dpkg, &["-W", "-f", "${Version}\n", "libfcgi-dev"]));
        // Without the distribution's revision.
        Ok(version.as_deref().and_then(|version| version.split('-').next()).unwrap_or_default().to_owned())
    },
    start: || {
        let folder = folder("peer-libfcgi")?;
        fs::write(folder.join("main.c"), include_str!("main.c"))?;
        let cc = find_program(&["cc"])?;
        run(Command::new(cc).args(["-O1", "-o", "peer", "main.c", "-lfcgi"]).current_dir(&folder))?;
        start(&folder.join("peer"))
    },
    faults: &[
        "padding-empty",
        "padding-begin",
        "inactive-ids-before",
        "get-values",
        "get-values-names",
        "get-values-then",
        "unknown-type-then",
        "body-short",
        "early-then-next",
        "abort-then-next",
        "multiplex-told",
        "begin-twice",
        "unknown-role",
        "unknown-role-then",
    ],
};
