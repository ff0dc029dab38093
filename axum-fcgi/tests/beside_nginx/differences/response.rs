//! Responses of scripts, and files.

use crate::difference::Part::{Header, Interim, Status};
use crate::difference::{Group, row};

pub(crate) const GROUPS: &[Group] = &[
    Group {
        reason: "An impossible status is a 502. nginx forwards it, and clients do not understand it. What follows the three \
            digits of a status is its reason.",
        rows: &[
            row(&["status-100", "status-103", "status-1000"], Status, "none", "502"),
            row(&["status-100", "status-103", "status-1000"], Interim, "*", ""),
            row(&["status-101"], Status, "101", "502"),
            row(&["status-200-x"], Status, "200x", "200"),
        ],
    },
    Group {
        reason: "A response without a body has no Content-Length: a 204 must not have it, and a 304 need not (RFC 9110 8.6).",
        rows: &[row(&["status-204-length", "status-304-length"], Header("content-length"), "4", "-")],
    },
    Group {
        reason: "Two different lengths are a 502: which one is right is unknown.",
        rows: &[row(&["length-differs"], Status, "200", "502")],
    },
    Group {
        reason: "A header that HTTP cannot carry is dropped (RFC 9110 5.1, 5.5). nginx forwards some, and responds with a 502 \
            to others.",
        rows: &[
            row(&["name-latin"], Header("x-\\xfc"), "1", "-"),
            row(&["name-paren"], Header("x(1)"), "1", "-"),
            row(&["no-colon"], Header("nonsense"), "", "-"),
            row(&["value-control", "value-delete"], Header("x-control"), "*", "-"),
            row(&["name-space", "no-name"], Status, "502", "200"),
        ],
    },
    Group {
        reason: "A head may have 64 KB. nginx's fastcgi_buffer_size is 4 KB.",
        rows: &[row(&["value-6k", "value-20k"], Status, "502", "200")],
    },
    Group {
        reason: "Headers of a connection end at the gateway (RFC 9110 7.6.1).",
        rows: &[
            row(&["connection-named"], Header("x-hop"), "1", "-"),
            row(&["te"], Header("te"), "trailers", "-"),
            row(&["trailer"], Header("trailer"), "X-Sum", "-"),
            row(&["upgrade"], Header("upgrade"), "websocket", "-"),
        ],
    },
    Group {
        reason: "An empty Content-Type stays. nginx removes it.",
        rows: &[row(&["type-empty"], Header("content-type"), "-", "")],
    },
    Group {
        reason: "A script's repeated Content-Type is forwarded as it is; browsers take the last one, as nginx does.",
        rows: &[row(&["type-twice"], Header("content-type"), "c/d", "a/b | c/d")],
    },
    Group {
        reason: "Files come from ServeDir: its tag has nanoseconds.",
        rows: &[row(&["*"], Header("etag"), "\"*\"", "\"*\"")],
    },
    Group {
        reason: "ServeDir knows more types than nginx's table here.",
        rows: &[row(&["/include.inc"], Header("content-type"), "application/octet-stream", "text/plain")],
    },
    Group {
        reason: "ServeDir names the permitted methods (RFC 9110 15.5.6). A method that a file has not is a 405, also if there is no file.",
        rows: &[
            row(&["* of a file"], Header("allow"), "-", "GET,HEAD"),
            row(
                &[
                    "scripts: POST of nothing",
                    "scripts: OPTIONS of nothing",
                    "a POST for nothing",
                    "an expected body for nothing",
                ],
                Status,
                "404",
                "405",
            ),
        ],
    },
    Group {
        reason: "ServeDir serves one range, and compares dates as RFC 9110 13.1.3 has it; nginx's default is `exact`.",
        rows: &[
            row(&["two ranges of a file"], Status, "206", "416"),
            row(&["a range of nonsense"], Status, "200", "416"),
            row(&["a file that is older"], Status, "200", "304"),
            row(
                &["a range of a file", "the end of a file", "a range after the end of a file"],
                Header("accept-ranges"),
                "-",
                "bytes",
            ),
            row(&["a range after the end of a file"], Header("last-modified"), "-", "*"),
            row(&["a range after the end of a file"], Header("etag"), "-", "*"),
        ],
    },
    Group {
        reason: "With internal files, X-Sendfile is for the gateway: it names a path of the server. nginx does not know it.",
        rows: &[row(&["sendfile"], Header("x-sendfile"), "/hello.txt", "-")],
    },
];
