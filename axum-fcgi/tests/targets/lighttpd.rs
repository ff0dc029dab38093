//! lighttpd: path rules, rewrites, error handlers.

use test_support::Version;

use crate::row::Http::{Differs, None, Same};
use crate::row::{Row, Setup, row};

/// Each site's text.
const SITES: &[(&str, &str)] = &[
    ("plain", ""),
    ("deny", "$HTTP[\"url\"] =~ \"^/env\" { url.access-deny = ( \"\" ) }"),
    ("rewrite", "url.rewrite-once = ( \"^/rw/([^?]*)\" => \"/to/$1?added=1\" )"),
];

/// Sites for FastCGI only.
const BY_HAND: &[(&str, &str)] = &[
    ("files", "url.rewrite-if-not-file = ( \"\" => \"/app.fcgi\" )"),
    ("named", "url.rewrite-if-not-file = ( \"\" => \"/app.fcgi\" )"),
    (
        "handler",
        "server.error-handler-404 = \"/app.fcgi\"\n$HTTP[\"url\"] =~ \"^/env\" { url.access-deny = ( \"\" ) }",
    ),
];

pub(crate) fn setup(version: &Version) -> Setup {
    let mut config = String::from(
        "server.port = 8080\nserver.bind = \"127.0.0.1\"\nserver.document-root = \"/usr/share/empty\"
server.errorlog = \"/dev/stderr\"
server.modules = ( \"mod_access\", \"mod_rewrite\", \"mod_fastcgi\", \"mod_proxy\" )
",
    );
    let fastcgi = |prefix: &str, port: u16| {
        format!(
            "fastcgi.server = ( \"{prefix}\" => (( \"host\" => \"127.0.0.1\", \"port\" => {port}, \
             \"check-local\" => \"disable\" )) )"
        )
    };
    let mut add = |name: &str, text: &str, pass: &str| {
        config += &format!("$HTTP[\"host\"] == \"{name}\" {{\n{text}\n{pass}\n}}\n");
    };
    let proxy = "proxy.server = ( \"\" => (( \"host\" => \"127.0.0.1\", \"port\" => 9001 )) )";
    for (name, text) in SITES {
        add(&format!("{name}.fcgi"), text, &fastcgi("/", 9000));
        add(&format!("{name}.http"), text, proxy);
    }
    for (name, text) in BY_HAND {
        let port = if *name == "files" { 9000 } else { 9002 };
        add(&format!("{name}.fcgi"), text, &fastcgi("/app.fcgi", port));
    }
    let mut rows = ROWS.to_vec();
    // Older versions forward a denied request to the error handler, as 404 or 403.
    let denied: &'static [&'static str] =
        if *version >= Version::from([1, 4, 79]) { &["403"] } else { &["GET /app.fcgi"] };
    rows.push(row("handler", "GET /env/x", denied, None));
    Setup { config, rows, other_lists: &[] }
}

const ROWS: &[Row] = &[
    row("plain", "GET /a%20b?q=1", &["GET /a%20b?q=1"], Same),
    row("plain", "GET /env/../hello", &["GET /hello"], Same),
    row("plain", "GET /env/..%2fhello", &["GET /hello"], Same),
    row("plain", "GET /a//b", &["GET /a//b"], Differs(&["GET /a/b"])),
    row("plain", "GET /a%2Fb", &["GET /a%2Fb"], Differs(&["GET /a/b"])),
    row("plain", "POST /a", &["POST /a body"], Same),
    row("deny", "GET /env/x", &["403"], Same),
    row("deny", "GET /x/..%2f%65nv", &["403"], Same),
    row("deny", "GET /env/../hello", &["GET /hello"], Same),
    row("deny", "GET /env/%2e%2e/hello", &["GET /hello"], Same),
    row("deny", "GET /env/..%2fhello", &["GET /hello"], Same),
    row("rewrite", "GET /rw/a%20b?q=1", &["GET /to/a%20b?added=1"], Same),
    row("files", "GET /x%79?q", &["GET /app.fcgi"], None),
    row("named", "GET /x%79?q", &["GET /x%79?q"], None),
    row("named", "GET /env/../x", &["400"], None),
    row("handler", "GET /x%79?q", &["GET /x%79?q"], None),
];
