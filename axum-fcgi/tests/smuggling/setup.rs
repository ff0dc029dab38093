//! Web servers, each with the application behind it twice: at one port over FastCGI, at another over HTTP.

use test_support::WebServer;

pub(crate) struct Setup {
    pub(crate) name: &'static str,
    pub(crate) server: WebServer,
    /// Contains `8080`, the port for FastCGI, `8081`, the port for HTTP, and the application's `9000` and
    /// `9001`.
    pub(crate) config: &'static str,
    /// Replacements in the configuration.
    pub(crate) lines: &'static [(&'static str, &'static str)],
    /// Meta-variables that a client cannot influence.
    pub(crate) fixed: &'static [(&'static str, &'static str)],
    /// The web server's other meta-variables, except those of headers.
    pub(crate) others: &'static [&'static str],
}

const NGINX: Setup = Setup {
    name: "kept",
    server: WebServer::Nginx,
    config: include_str!("nginx.conf"),
    lines: &[("# headers", ""), ("# bodies", ""), ("# connections", "fastcgi_keep_conn on;")],
    fixed: &[
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("SERVER_ADDR", "127.0.0.1"),
        ("SERVER_NAME", "site.test"),
        ("REQUEST_SCHEME", "http"),
        ("DOCUMENT_ROOT", "/nonexistent"),
        ("REDIRECT_STATUS", "200"),
    ],
    others: &[
        "CONTENT_LENGTH",
        "CONTENT_TYPE",
        "DOCUMENT_URI",
        "QUERY_STRING",
        "REMOTE_PORT",
        "REQUEST_METHOD",
        "REQUEST_URI",
        "SCRIPT_NAME",
        "SERVER_PORT",
        "SERVER_PROTOCOL",
        "SERVER_SOFTWARE",
    ],
};

pub(crate) const ALL: [Setup; 3] = [
    NGINX,
    // Forwards all names that it would drop by default, and streams request bodies.
    Setup {
        name: "lenient, unbuffered",
        lines: &[
            ("# headers", "underscores_in_headers on; ignore_invalid_headers off; merge_slashes off;"),
            ("# bodies", "fastcgi_request_buffering off; proxy_request_buffering off;"),
            ("# connections", ""),
        ],
        ..NGINX
    },
    Setup {
        name: "kept",
        server: WebServer::Haproxy,
        config: include_str!("haproxy.cfg"),
        lines: &[],
        fixed: &[
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("REMOTE_ADDR", "127.0.0.1"),
            ("DOCUMENT_ROOT", "/nonexistent"),
        ],
        others: &[
            "CONTENT_LENGTH",
            "CONTENT_TYPE",
            "PATH_INFO",
            "PATH_TRANSLATED",
            "QUERY_STRING",
            "REMOTE_PORT",
            "REQUEST_METHOD",
            "REQUEST_URI",
            "SCRIPT_FILENAME",
            "SCRIPT_NAME",
            "SERVER_NAME",
            "SERVER_PORT",
            "SERVER_PROTOCOL",
            "SERVER_SOFTWARE",
        ],
    },
];
