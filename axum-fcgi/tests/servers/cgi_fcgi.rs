//! cgi-fcgi, the bridge of the FastCGI development kit: a CGI program that asks a FastCGI application. It is
//! started by lighttpd here, with its mod_cgi.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use crate::lighttpd;
use crate::setup::{Connected, LOOKS_EMPTY, LOOKS_WHOLE, NOT_TOLD, Setup};

pub(crate) fn setups() -> Vec<Setup> {
    vec![Setup {
        name: "cgi-fcgi",
        title: "cgi-fcgi",
        how: "unix socket, under lighttpd mod_cgi",
        connected: Connected::Unix,
        program: "lighttpd",
        needs: &["cgi-fcgi"],
        version: &["dpkg-query", "-W", "-f", "${Version}", "libfcgi-bin"],
        arguments: &["-D", "-f"],
        config: |place| {
            let script = place.prefix.join("bridge.cgi");
            let text = format!("#!/bin/sh\nexec cgi-fcgi -bind -connect {}\n", place.application);
            fs::write(&script, text).expect("a new file");
            fs::set_permissions(&script, Permissions::from_mode(0o755)).expect("it is there");
            lighttpd::cgi(place, &script.display().to_string())
        },
        deviations: vec![LOOKS_WHOLE, LOOKS_EMPTY, NOT_TOLD],
    }]
}
