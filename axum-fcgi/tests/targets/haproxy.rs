//! HAProxy: rewrites REQUEST_URI itself, and does not clean paths.

use test_support::Version;

use crate::row::Http::{Differs, Same};
use crate::row::{Row, Setup, row};

pub(crate) fn setup(_: &Version) -> Setup {
    let config = "defaults
 mode http
 timeout connect 60s
 timeout client 60s
 timeout server 60s
frontend site
 bind 127.0.0.1:8080
 http-request deny if { hdr_beg(host) deny. } { path_beg /env }
 http-request set-path /to%[path] if { hdr_beg(host) set. }
 http-request replace-path /app/(.*) /\\1 if { hdr_beg(host) strip. }
 http-request set-query added=1 if { hdr_beg(host) query. }
 use_backend http if { hdr_end(host) .http }
 default_backend fastcgi
backend fastcgi
 use-fcgi-app app
 server a 127.0.0.1:9000 proto fcgi
backend http
 server a 127.0.0.1:9001
backend named
 server a 127.0.0.1:9002
fcgi-app app
 docroot /nonexistent
 option keep-conn
"
    .to_owned();
    Setup { config, rows: ROWS.to_vec(), other_lists: &[] }
}

const ROWS: &[Row] = &[
    row("plain", "GET /a%20b?q=1", &["GET /a%20b?q=1"], Same),
    row("plain", "GET /a%2Fb//c", &["GET /a%2Fb//c"], Same),
    row("plain", "GET /env/../hello", &["400"], Differs(&["GET /env/../hello"])),
    row("plain", "GET /env/%2e%2e/hello", &["400"], Differs(&["GET /env/%2e%2e/hello"])),
    row("plain", "POST /a", &["POST /a body"], Same),
    row("deny", "GET /env/x", &["403"], Same),
    row("deny", "GET /env/../hello", &["403"], Same),
    row("deny", "GET /x/../env/y", &["400"], Differs(&["GET /x/../env/y"])),
    row("set", "GET /a%20b?q=1", &["GET /to/a%20b?q=1"], Same),
    row("strip", "GET /app/x?q=1", &["GET /x?q=1"], Same),
    row("query", "GET /x?q=1", &["GET /x?added=1"], Same),
];
