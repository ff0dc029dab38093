//! Caddy: rewrites, prefixes, forward_auth, error handlers. It does not clean paths.

use test_support::Version;

use crate::row::Http::{Differs, None, Same};
use crate::row::{Row, Setup, row};

/// Each site's text. `PASS` forwards a request.
const SITES: &[(&str, &str)] = &[
    ("plain", "PASS"),
    ("deny", "@env path /env /env/*\nrespond @env 403\nPASS"),
    ("rewrite", "rewrite /rw/* /to{uri}?added=1\nPASS"),
    ("strip", "uri strip_prefix /app\nPASS"),
    ("handle", "handle_path /app/* {\nPASS\n}"),
    ("error", "@gone path /gone/*\nerror @gone 404\nPASS\nhandle_errors {\nrewrite * /errpage\nPASS\n}"),
    ("auth", "AUTH\nPASS"),
];

const BY_HAND: &str = "handle_path /app/* {\nreverse_proxy 127.0.0.1:9000 {\ntransport fastcgi {\nenv SCRIPT_NAME /app\n}\n}\n}";

pub(crate) fn setup(_: &Version) -> Setup {
    let mut config = String::from("{\nadmin off\nauto_https off\n}\n");
    let mut add = |name: &str, text: &str| {
        config += &format!("http://{name}:8080 {{\nbind 127.0.0.1\n{text}\n}}\n");
    };
    let fastcgi = "reverse_proxy 127.0.0.1:9000 {\nMORE\ntransport fastcgi\n}";
    let proxy = "reverse_proxy 127.0.0.1:9001 {\nMORE\n}";
    // The long form of `forward_auth`, whose short form has no transport. The subrequest of a POST has its
    // length but no body.
    let auth = "@guarded path /guarded/* /closed/*\nreverse_proxy @guarded UPSTREAM {\nmethod GET\nrewrite AUTHZ\n\
                @good status 2xx\nhandle_response @good {\nrequest_header X-Checked yes\n}\nMORE\n}";
    for (name, text) in SITES {
        for (protocol, pass, upstream, more) in
            [("fcgi", fastcgi, "127.0.0.1:9000", "transport fastcgi"), ("http", proxy, "127.0.0.1:9001", "")]
        {
            let auth = auth.replace("UPSTREAM", upstream).replace("AUTHZ", "/authz").replace("MORE", more);
            let text = text.replace("AUTH", &auth).replace("PASS", &pass.replace("MORE", ""));
            add(&format!("{name}.{protocol}"), &text);
        }
    }
    add("constant.fcgi", BY_HAND);
    add("named.fcgi", "rewrite * /app.fcgi\nreverse_proxy 127.0.0.1:9002 {\ntransport fastcgi\n}");
    Setup { config, rows: ROWS.to_vec(), other_lists: &[] }
}

const ROWS: &[Row] = &[
    row("plain", "GET /a%20b?q=1", &["GET /a%20b?q=1"], Same),
    row("plain", "GET /a%2Fb//c", &["GET /a%2Fb//c"], Same),
    row("plain", "GET /env/../hello", &["400"], Differs(&["GET /env/../hello"])),
    row("plain", "GET /env/%2e%2e/hello", &["400"], Differs(&["GET /env/%2e%2e/hello"])),
    row("plain", "POST /a", &["POST /a body"], Same),
    row("deny", "GET /env/x", &["403"], Same),
    row("deny", "GET /env/../hello", &["400"], Differs(&["GET /env/../hello"])),
    row("deny", "GET /x/../env/y", &["403"], Same),
    row("rewrite", "GET /rw/a%20b?q=1", &["GET /to/rw/a%20b?added=1"], Same),
    row("strip", "GET /app/x%20y?q=1", &["GET /x%20y?q=1"], Same),
    row("handle", "GET /app/x%2Fy?z=1", &["GET /x/y?z=1"], Differs(&["GET /x%2Fy?z=1"])),
    row("error", "GET /gone/x", &["GET /errpage"], Same),
    row("auth", "GET /guarded/x?q", &["GET /authz?q", "GET /guarded/x?q"], Same),
    row("auth", "POST /guarded/x", &["GET /authz", "POST /guarded/x body"], Same),
    row("constant", "GET /app/x", &["GET /app/x"], None),
    row("named", "GET /x%79?q", &["GET /x%79?q"], None),
    row("named", "GET /env/../x", &["400"], None),
];
