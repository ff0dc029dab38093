//! Apache's mod_proxy_fcgi: path rules, rewrites, error documents, front controllers.

use test_support::Version;

use crate::row::Http::{Differs, None, Same};
use crate::row::{Row, Setup, row};

/// Each site's text. `UPSTREAM` is the application, `NAMED` the one with a configured front controller.
const SITES: &[(&str, &str)] = &[
    ("plain", "ProxyPass \"/\" \"UPSTREAM/\""),
    ("deny", "ProxyPass \"/\" \"UPSTREAM/\"\n<Location \"/env\">\nRequire all denied\n</Location>"),
    (
        "rewrite",
        "ProxyPass \"/\" \"UPSTREAM/\"\nRewriteEngine On\nRewriteRule \"^/rw/(.*)$\" \"/to/$1?added=1\" [PT]",
    ),
    ("error", "ProxyPass \"/\" \"UPSTREAM/\"\nProxyErrorOverride On\nErrorDocument 404 /errpage"),
    ("moved", "ProxyPass \"/app/\" \"UPSTREAM/\""),
    ("nodecode", "AllowEncodedSlashes NoDecode\nProxyPass \"/\" \"UPSTREAM/\""),
    ("encoded", "AllowEncodedSlashes On\nProxyPass \"/\" \"UPSTREAM/\""),
    ("pathinfo", "SetEnv proxy-fcgi-pathinfo full\nProxyPass \"/\" \"UPSTREAM/\""),
];

/// Sites for FastCGI only.
const BY_HAND: &[(&str, &str)] = &[
    (
        "files",
        "RewriteEngine On\nRewriteRule \"^(?!/app.fcgi)\" \"/app.fcgi\" [PT]\n<Location \"/app.fcgi\">\nSetHandler \"proxy:UPSTREAM\"\n</Location>",
    ),
    (
        "named",
        "RewriteEngine On\nRewriteRule \"^(?!/app.fcgi)\" \"/app.fcgi\" [PT]\n<Location \"/app.fcgi\">\nSetHandler \"proxy:NAMED\"\n</Location>",
    ),
    (
        "handler",
        "<Location \"/\">\nSetHandler \"proxy:UPSTREAM\"\n</Location>\n<Location \"/env\">\nRequire all denied\n</Location>",
    ),
    ("constant", "ProxyPass \"/\" \"UPSTREAM/\"\nProxyFCGISetEnvIf \"true\" SCRIPT_NAME \"/app\""),
];

const HEAD: &str =
    "DefaultRuntimeDir .\nPidFile httpd.pid\nErrorLog error.log\nServerName localhost\nListen 127.0.0.1:8080
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
LoadModule env_module /usr/lib/apache2/modules/mod_env.so
LoadModule rewrite_module /usr/lib/apache2/modules/mod_rewrite.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
LoadModule proxy_fcgi_module /usr/lib/apache2/modules/mod_proxy_fcgi.so
StartServers 1\nServerLimit 1\nThreadsPerChild 8\nMaxRequestWorkers 8\nDocumentRoot .
";

pub(crate) fn setup(_: &Version) -> Setup {
    let mut config = HEAD.to_owned();
    let mut add = |name: &str, protocol: &str, text: &str, upstream: &str| {
        let text = text.replace("UPSTREAM", upstream).replace("NAMED", "fcgi://127.0.0.1:9002");
        config +=
            &format!("<VirtualHost 127.0.0.1:8080>\nServerName {name}.{protocol}\n{text}\n</VirtualHost>\n");
    };
    for (name, text) in SITES {
        add(name, "fcgi", text, "fcgi://127.0.0.1:9000");
        add(name, "http", text, "http://127.0.0.1:9001");
    }
    for (name, text) in BY_HAND {
        add(name, "fcgi", text, "fcgi://127.0.0.1:9000");
    }
    Setup { config, rows: ROWS.to_vec(), other_lists: &[] }
}

const ROWS: &[Row] = &[
    row("plain", "GET /a%20b?q=1", &["GET /a%20b?q=1"], Same),
    row("plain", "GET /env/../hello", &["GET /hello"], Same),
    row("plain", "GET /env/%2e%2e/hello", &["GET /hello"], Same),
    row("plain", "GET //a//b", &["GET //a//b"], Differs(&["GET /a/b"])),
    row("plain", "POST /a", &["POST /a body"], Same),
    row("pathinfo", "GET /env/../a%20b?q", &["GET /a%20b?q"], Same),
    row("deny", "GET /env/x", &["403"], Same),
    row("deny", "GET /x/../%65nv", &["403"], Same),
    row("deny", "GET /env/../hello", &["GET /hello"], Same),
    row("deny", "GET /env/%2e%2e/hello", &["GET /hello"], Same),
    row("rewrite", "GET /rw/a%20b?q=1", &["GET /to/a%20b?added=1"], Same),
    row("error", "GET /missing/x?q", &["GET /errpage", "GET /missing/x?q"], Same),
    row("moved", "GET /app/x?q", &["GET /app/x?q"], Differs(&["GET /x?q"])),
    row("nodecode", "GET /a%2Fb", &["GET /a%2Fb"], Same),
    row("encoded", "GET /a%2Fb", &["GET /a%2Fb"], Differs(&["GET /a/b"])),
    row("files", "GET /x%79?q", &["GET /app.fcgi?q"], None),
    row("named", "GET /x%79?q", &["GET /x%79?q"], None),
    row("named", "GET /env/../x", &["400"], None),
    row("handler", "GET /env/../hello/x%20y?q", &["GET /hello/x%20y?q"], None),
    row("handler", "GET /env/x", &["403"], None),
    row("constant", "GET /app/x", &["GET /app"], None),
];
