//! nginx: rewrites, error pages, subrequests, internal redirects.

use test_support::Version;

use crate::parameters;
use crate::row::Http::{Differs, None, Same};
use crate::row::{Row, Setup, row};

/// Each site's text. `PASS` forwards a request, `ASK` sends an authorization subrequest.
const SITES: &[(&str, &str)] = &[
    ("plain", "location / { PASS }"),
    ("deny", "location / { PASS } location ^~ /env { deny all; }"),
    ("rewrite", "location / { rewrite ^/rw/(.*)$ /to/$1?added=1 break; PASS }"),
    ("last", "location / { PASS } location /rw/ { rewrite ^/rw/(.*)$ /to/$1 last; }"),
    ("query", "location / { rewrite ^ $uri?added=1 break; PASS }"),
    ("if", "location / { if ($arg_x) { rewrite ^ /iffy? break; } PASS }"),
    (
        "auth",
        "location / { PASS } location /guarded { auth_request /authz; PASS }
         location /closed { auth_request /denied; PASS } location /denied { internal; ASK } location /authz { internal; ASK }",
    ),
    (
        "error",
        "location / { PASS proxy_intercept_errors on; fastcgi_intercept_errors on; error_page 404 = /errpage; }
         location = /errpage { PASS }",
    ),
    ("ssi", "ssi on; location / { PASS }"),
    ("mirror", "location / { mirror /mirrored; PASS } location = /mirrored { internal; PASS }"),
    ("accel", "location / { PASS }"),
    ("files", "root nothing; location / { try_files $uri /app.fcgi; } location = /app.fcgi { PASS }"),
    (
        "denied",
        "root nothing; error_page 403 /app.fcgi; location / { try_files $uri /app.fcgi; }
         location /admin { deny all; } location = /app.fcgi { NAMED }",
    ),
    ("named", "root nothing; location / { try_files $uri /app.fcgi; } location = /app.fcgi { NAMED }"),
];

/// Sites about FastCGI's parameters.
const BY_HAND: &[(&str, &str)] = &[
    ("constant", "location / { PASS fastcgi_param SCRIPT_NAME /app; }"),
    ("bare", "location / { BARE fastcgi_param SCRIPT_NAME /app; }"),
    (
        "document",
        "location / { BARE fastcgi_param DOCUMENT_URI $document_uri; } location /rw { rewrite ^ /to last; }",
    ),
    (
        "sent",
        "location / { BARE } location /guarded { auth_request /authz; BARE } location /authz { internal; BARE }",
    ),
];

/// The configuration from the deployment notes, with the parameters of `fastcgi_params`.
fn recipe() -> String {
    let notes = include_str!("../../src/deployment.md");
    let text = notes.split("```nginx\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap_or_default();
    text.replace("fastcgi_pass app;", "fastcgi_pass fastcgi;").replace("include fastcgi_params;", PARAMS)
}

const BARE: &str = "fastcgi_pass fastcgi; fastcgi_keep_conn on; fastcgi_param REQUEST_METHOD $request_method;
    fastcgi_param REQUEST_URI $request_uri;";
const PARAMS: &str = "fastcgi_keep_conn on; fastcgi_param REQUEST_METHOD $request_method;
    fastcgi_param REQUEST_URI $request_uri; fastcgi_param QUERY_STRING $query_string;
    fastcgi_param SCRIPT_NAME $fastcgi_script_name; fastcgi_param DOCUMENT_URI $document_uri;
    fastcgi_param CONTENT_LENGTH $content_length; fastcgi_param REDIRECT_STATUS 200;";
/// The subrequest has the request's method and length, but no body.
const ASK: &str =
    "fastcgi_param REQUEST_METHOD GET; fastcgi_param CONTENT_LENGTH \"\"; fastcgi_pass_request_body off;";
const PROXY: &str = "proxy_pass http://http; proxy_http_version 1.1; proxy_set_header Connection \"\";";
const PROXY_ASK: &str =
    "proxy_method GET; proxy_pass_request_body off; proxy_set_header Content-Length \"\";";

pub(crate) fn setup(_: &Version) -> Setup {
    let fastcgi = |upstream: &str| format!("fastcgi_pass {upstream}; {PARAMS}");
    let mut sites = String::new();
    let mut add = |name: &str, protocol: &str, text: &str| {
        sites += &format!("server {{ listen 127.0.0.1:8080; server_name {name}.{protocol}; {text} }}\n");
    };
    for (name, text) in SITES {
        let ask = format!(
            "{} {ASK}",
            fastcgi("fastcgi")
                .replace("fastcgi_param REQUEST_METHOD $request_method;", "")
                .replace("fastcgi_param CONTENT_LENGTH $content_length;", "")
        );
        let over_fcgi = text
            .replace("PASS", &fastcgi("fastcgi"))
            .replace("NAMED", &fastcgi("named"))
            .replace("ASK", &ask);
        add(name, "fcgi", &over_fcgi);
        for (list, parameters) in parameters::lists() {
            let pass =
                |upstream: &str| format!("fastcgi_pass {upstream}; fastcgi_keep_conn on; {parameters}");
            let text = text
                .replace("PASS", &pass("fastcgi"))
                .replace("NAMED", &pass("named"))
                .replace("ASK", &(pass("fastcgi") + ASK));
            add(name, list, &text);
        }
        let ask = format!("{PROXY} {PROXY_ASK}");
        add(name, "http", &text.replace("PASS", PROXY).replace("NAMED", PROXY).replace("ASK", &ask));
    }
    for (name, text) in BY_HAND {
        let own = fastcgi("fastcgi").replace("fastcgi_param SCRIPT_NAME $fastcgi_script_name;", "");
        add(name, "fcgi", &text.replace("PASS", &own).replace("BARE", BARE));
    }
    add("recipe", "fcgi", &recipe().replace("fastcgi_keep_conn on; fastcgi_param", "fastcgi_param"));
    let config = format!(
        "daemon off; worker_processes 1; pid nginx.pid; error_log stderr warn; events {{ worker_connections 128; }}
         http {{ access_log off; client_body_temp_path body; fastcgi_temp_path fastcgi; proxy_temp_path proxy;
         uwsgi_temp_path uwsgi; scgi_temp_path scgi; server_names_hash_bucket_size 64;
         upstream fastcgi {{ server 127.0.0.1:9000; keepalive 4; }}
         upstream http {{ server 127.0.0.1:9001; keepalive 4; }}
         upstream named {{ server 127.0.0.1:9002; keepalive 4; }}
         {sites} }}"
    );
    Setup { config, rows: ROWS.to_vec(), other_lists: &["shipped", "debian"] }
}

const ROWS: &[Row] = &[
    row("plain", "GET /a%20b?q=1", &["GET /a%20b?q=1"], Same),
    row("plain", "GET /a%2Fb//c", &["GET /a%2Fb//c"], Same),
    row("plain", "GET /env/../hello", &["GET /hello"], Differs(&["GET /env/../hello"])),
    row("plain", "GET /a/%2e/b", &["GET /a/b"], Differs(&["GET /a/%2e/b"])),
    row("plain", "GET /a%3Fb%25", &["GET /a%3Fb%25"], Same),
    row("plain", "POST /a", &["POST /a body"], Same),
    row("deny", "GET /env/x", &["403"], Same),
    row("deny", "GET /x/../env/y", &["403"], Same),
    row("deny", "GET /%65nv", &["403"], Same),
    row("deny", "GET /env/../hello", &["GET /hello"], Differs(&["GET /env/../hello"])),
    row("rewrite", "GET /rw/a%20b?q=1", &["GET /to/a%20b?added=1&q=1"], Same),
    row("rewrite", "GET /a?q=1", &["GET /a?q=1"], Same),
    row("last", "GET /rw/x?q=1", &["GET /to/x?q=1"], Same),
    row("query", "GET /x?q=1", &["GET /x?added=1&q=1"], Same),
    row("if", "GET /x?x=1", &["GET /iffy"], Same),
    row("auth", "GET /guarded/x?q", &["GET /authz", "GET /guarded/x?q"], Same),
    row("auth", "POST /guarded/x", &["GET /authz", "POST /guarded/x body"], Same),
    row("auth", "POST /closed/x", &["GET /denied"], Same),
    row("error", "GET /missing/x?q", &["GET /errpage", "GET /missing/x?q"], Same),
    row("ssi", "GET /page", &["GET /page", "GET /part?x"], Same),
    row("mirror", "GET /x", &["GET /mirrored", "GET /x"], Same),
    row("accel", "GET /accel", &["GET /accel", "GET /to/it?y"], Same),
    row("files", "GET /x?q", &["GET /app.fcgi"], Same),
    row("named", "GET /x%79?q", &["GET /x%79?q"], Differs(&["GET /app.fcgi"])),
    row("named", "GET /env/../x", &["400"], Differs(&["GET /app.fcgi"])),
    // nginx does not say that it redirected to an error page: see SECURITY.md.
    row("denied", "GET /admin?q", &["GET /admin?q"], Differs(&["GET /app.fcgi"])),
    row("constant", "GET /app/a%20b?q", &["GET /app/a%20b?q"], None),
    row("constant", "GET /app/../b", &["GET /app"], None),
    row("bare", "GET /app/x", &["GET /app"], None),
    row("document", "GET /a%20b?q", &["GET /a%20b?q"], None),
    row("document", "GET /rw?q", &["GET /to?q"], None),
    row("recipe", "POST /guarded/x?q", &["GET /authz", "POST /guarded/x?q body"], None),
    row("recipe", "GET /authz", &["404"], None),
    row("sent", "GET /x?q", &["GET /x?q"], None),
    row("sent", "GET /guarded/x", &["GET /guarded/x", "GET /guarded/x"], None),
    row("sent", "GET /x/../y", &["400"], None),
];
