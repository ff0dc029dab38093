//! cgi-fcgi, the bridge of the FastCGI development kit: a CGI program that forwards to a FastCGI application.
//! Here lighttpd starts it, with mod_cgi.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use crate::lighttpd;
use crate::setup::{Connected, DISCONNECT_NOT_REPORTED, LOOKS_COMPLETE, LOOKS_COMPLETE_AFTER_HEAD, Setup};

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
            fs::write(&script, text).expect("the script can be written");
            fs::set_permissions(&script, Permissions::from_mode(0o755)).expect("the script exists");
            lighttpd::cgi(place, &script.display().to_string())
        },
        deviations: vec![LOOKS_COMPLETE, LOOKS_COMPLETE_AFTER_HEAD, DISCONNECT_NOT_REPORTED],
    }]
}
