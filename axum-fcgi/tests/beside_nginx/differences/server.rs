//! What differs in each request, and between the HTTP servers: hyper, in `axum::serve`, and nginx.

use crate::difference::Part::{Body, Header, Seen};
use crate::difference::{Group, row};

pub(crate) const GROUPS: &[Group] = &[
    Group {
        reason: "The server names itself. axum sends no Server header.",
        rows: &[
            row(&["*"], Header("server"), "nginx/*", "-"),
            row(&["*"], Seen("SERVER_SOFTWARE"), "nginx/*", "tower-fcgi/*"),
        ],
    },
    Group {
        reason: "An error of the gateway has no body: a site's error pages are a layer.",
        rows: &[
            row(&["*"], Body, "nginx's page", ""),
            row(&["HEAD of nothing"], Header("content-length"), "*", "-"),
            row(&["HEAD of nothing"], Header("content-type"), "text/html", "-"),
        ],
    },
    Group {
        reason: "A variable without a value is not sent: RFC 3875 4.1.2 and 4.1.3 want CONTENT_LENGTH and CONTENT_TYPE \
            only for a body. HTTP_CONTENT_LENGTH and HTTP_CONTENT_TYPE repeat them (4.1.18).",
        rows: &[
            row(&["*"], Seen("REMOTE_USER"), "", "-"),
            row(&["*"], Seen("CONTENT_TYPE"), "", "-"),
            row(&["*"], Seen("CONTENT_LENGTH"), "", "-"),
            row(&["*"], Seen("HTTP_CONTENT_TYPE"), "*", "-"),
            row(&["*"], Seen("HTTP_CONTENT_LENGTH"), "*", "-"),
        ],
    },
];
