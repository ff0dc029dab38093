//! What PHP gets to know about a request, and which requests are accepted.

use crate::difference::Part::{Body, Header, Interim, Seen, Status};
use crate::difference::{Group, row};

pub(crate) const GROUPS: &[Group] = &[
    Group {
        reason: "Below a path of a Router the document root is the mount's, not that of the whole server.",
        rows: &[row(&["nested: *"], Seen("DOCUMENT_ROOT"), "/parent", "/parent/app")],
    },
    Group {
        reason: "DOCUMENT_URI is the whole decoded path. In nginx `try_files` has replaced it with the script's.",
        rows: &[row(&["*"], Seen("DOCUMENT_URI"), "*.php", "*")],
    },
    Group {
        reason: "PATH_TRANSLATED belongs to PATH_INFO (RFC 3875 4.1.6). Debian's fastcgi.conf lacks it.",
        rows: &[row(&["*"], Seen("PATH_TRANSLATED"), "-", "/parent/app/*")],
    },
    Group {
        reason: "SERVER_NAME is the host that the client named (RFC 3875 4.1.14), without its port; one that is no name \
            is `localhost`. nginx sends the first of its configured names.",
        rows: &[row(&["Host: *", "HTTP/1.0 without a host"], Seen("SERVER_NAME"), "site.test", "*")],
    },
    Group {
        reason: "REMOTE_USER is a user that the server has authenticated (RFC 3875 4.1.11). nginx copies the name from \
            Authorization without a check. PHP_AUTH_USER is the same in both.",
        rows: &[row(
            &[
                "Authorization: Basic YW5uOnNlY3JldA==",
                "Authorization: basic YW5uOnNlY3JldA==",
                "haproxy/haproxy#391, Authorization reaches PHP",
            ],
            Seen("REMOTE_USER"),
            "*",
            "-",
        )],
    },
    Group {
        reason: "Headers of the client's connection are not forwarded (RFC 9110 7.6.1, RFC 3875 4.1.18).",
        rows: &[
            row(&["*"], Seen("HTTP_CONNECTION"), "*", "-"),
            row(&["Keep-Alive: 300"], Seen("HTTP_KEEP_ALIVE"), "300", "-"),
            row(&["Proxy-Connection: keep-alive"], Seen("HTTP_PROXY_CONNECTION"), "keep-alive", "-"),
            row(&["TE: trailers"], Seen("HTTP_TE"), "trailers", "-"),
            row(&["Trailer: X-Sum"], Seen("HTTP_TRAILER"), "X-Sum", "-"),
            row(&["Upgrade: h2c", "an upgrade to a WebSocket"], Seen("HTTP_UPGRADE"), "*", "-"),
            // A body of unknown length is collected, so that it has one.
            row(
                &[
                    "chunks",
                    "chunks of a form",
                    "chunks with extensions and trailers",
                    "no chunks",
                    "a chunk of 1 MiB",
                    "caddyserver/caddy#5236, a chunked form",
                    "nextcloud, a chunked PUT of a desktop client",
                ],
                Seen("HTTP_TRANSFER_ENCODING"),
                "chunked",
                "-",
            ),
        ],
    },
    Group {
        reason: "Status is CGI's header of responses.",
        rows: &[row(&["Status: 404"], Seen("HTTP_STATUS"), "404", "-")],
    },
    Group {
        reason: "A chunked body without a byte is none.",
        rows: &[row(&["no chunks"], Seen("CONTENT_LENGTH"), "0", "-")],
    },
    Group {
        reason: "CONTENT_LENGTH is the number that was read.",
        rows: &[row(&["a length of zeros"], Seen("CONTENT_LENGTH"), "0003", "3")],
    },
    Group {
        reason: "Repeated headers are joined (RFC 3875 4.1.18), as in nginx since 1.23. This one sends each, and PHP \
            keeps the last.",
        rows: &[
            row(&["a name twice"], Seen("HTTP_X_TWICE"), "2", "1, 2"),
            row(&["cookies twice"], Seen("HTTP_COOKIE"), "b=2", "a=1; b=2"),
            row(&["cookies twice"], Seen("$_COOKIE"), "{\"b\":\"2\"}", "{\"a\":\"1\",\"b\":\"2\"}"),
            row(&["two referers"], Seen("HTTP_REFERER"), "b", "a, b"),
            row(&["two user agents"], Seen("HTTP_USER_AGENT"), "b", "a, b"),
            row(
                &["two forwarded addresses"],
                Seen("HTTP_X_FORWARDED_FOR"),
                "192.0.2.2",
                "192.0.2.1, 192.0.2.2",
            ),
            row(&["accept lists"], Seen("HTTP_ACCEPT"), "*/*;q=0.1", "text/html, */*;q=0.1"),
            row(&["accept lists"], Seen("HTTP_ACCEPT_LANGUAGE"), "en", "de, en"),
        ],
    },
    Group {
        reason: "hyper accepts two Authorization headers, and two equal lengths (RFC 9110 8.6).",
        rows: &[row(&["two authorizations", "two equal lengths"], Status, "400", "200")],
    },
    Group {
        reason: "Spaces and tabs around a value do not belong to it (RFC 9110 5.5).",
        rows: &[row(&["X-Blank: \t "], Seen("HTTP_X_BLANK"), "\\x09", "")],
    },
    Group {
        reason: "getallheaders() lists the HTTP_ variables, which differ as above.",
        rows: &[row(
            &["apache-headers"],
            Body,
            "authorization,x-custom,connection,host,content-length,content-type",
            "authorization,x-custom,host",
        )],
    },
    Group {
        reason: "A fragment is no part of a target (RFC 9112 3.2). hyper removes it.",
        rows: &[
            row(&["/seen.php?a#b"], Seen("REQUEST_URI"), "*/seen.php?a#b", "*/seen.php?a"),
            row(&["a target with a fragment"], Seen("REQUEST_URI"), "/seen.php#a", "/seen.php"),
        ],
    },
    Group {
        reason: "hyper rejects bytes that a target, a name or a value must not contain (RFC 9112 3.2, RFC 9110 5.5). \
            nginx ignores the line, or forwards it.",
        rows: &[
            row(&["/seen.php?a=\"<>", "a query with a byte of Latin-1"], Status, "200", "400"),
            row(&["a byte of Latin-1"], Status, "404", "400"),
            row(
                &["No-Colon", "X-\u{dc}mlaut: 1", "X-Control: a\u{1}b", "X-Delete: a\u{7f}b"],
                Status,
                "200",
                "400",
            ),
        ],
    },
    Group {
        reason: "hyper knows HTTP/1.0 and HTTP/1.1.",
        rows: &[row(&["HTTP/1.2"], Status, "200", "400"), row(&["HTTP/2.0"], Status, "505", "400")],
    },
    Group {
        reason: "A method is any token, in which case matters (RFC 9110 9.1).",
        rows: &[row(&["get of a script", "Post of a script", "GET1 of a script"], Status, "400", "200")],
    },
    Group {
        reason: "TRACE and CONNECT are a 405 with the methods that are allowed (RFC 9110 15.5.6).",
        rows: &[
            row(
                &["TRACE of a script", "TRACE of a file", "TRACE of nothing", "CONNECT of a script"],
                Header("allow"),
                "-",
                "GET, HEAD, POST, *",
            ),
            row(&["CONNECT of an authority"], Status, "400", "405"),
        ],
    },
    Group {
        reason: "A request without a Host, or with an empty one, gets SERVER_NAME localhost, and no HTTP_HOST that an \
            application could use. A host of dots is a name (RFC 3986 3.2.2).",
        rows: &[row(&["no Host", "Host: ", "Host: .."], Status, "400", "200")],
    },
    Group {
        reason: "A Host with user information names no host (RFC 9110 7.2), and PHP prints it into links.",
        rows: &[row(&["Host: user@site.test"], Status, "200", "400")],
    },
    Group {
        reason: "hyper's limits: a head may have 100 headers and 400 KB. nginx's large_client_header_buffers are of 8 KB.",
        rows: &[
            row(&["120 headers", "200 headers"], Status, "200", "431"),
            row(&["a header of * bytes"], Status, "400", "200"),
            row(
                &["a path of 9000 bytes", "a path of 40000 bytes", "a query of *0000 bytes"],
                Status,
                "414",
                "200",
            ),
        ],
    },
    Group {
        reason: "hyper lets Transfer-Encoding override Content-Length (RFC 9112 6.3), decodes chunks below other codings, \
            and rejects a coding that does not end with chunks.",
        rows: &[
            row(&["chunks and a length"], Status, "400", "200"),
            row(&["another coding"], Status, "501", "200"),
            row(&["an unknown coding"], Status, "501", "400"),
        ],
    },
    Group {
        reason: "hyper asks for a body when it is read; this request has none.",
        rows: &[row(&["an expectation without a body"], Interim, "100", "")],
    },
    Group {
        reason: "An incomplete body is a 400. nginx closes the connection without a response.",
        rows: &[row(&["a body that ends early", "many chunks without an end"], Status, "none", "400")],
    },
];
