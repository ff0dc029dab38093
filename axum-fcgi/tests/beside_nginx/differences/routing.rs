//! Which script or file a path leads to.

use crate::difference::Part::{Header, Script, Seen, Status};
use crate::difference::{Group, row};

pub(crate) const GROUPS: &[Group] = &[
    Group {
        reason: "The gateway rejects `.` and `..`, which clients resolve before they send a path (RFC 3986 5.2.4): a \
            route of the Router and PHP could take such a path for different ones. nginx resolves them.",
        rows: &[
            row(
                &[
                    "/index.php/../seen.php",
                    "/docs/../seen.php",
                    "/docs/..",
                    "/docs/.",
                    "/docs/./seen.php",
                    "/docs/%2e%2e/seen.php",
                    "/docs/%2E./seen.php",
                    "/docs/..%2fseen.php",
                ],
                Status,
                "200",
                "400",
            ),
            row(
                &[
                    "/docs\\..\\seen.php",
                    "nested: /../seen.php",
                    "nested: /index.php/../../x",
                    "nested: CVE-2021-41773, an encoded dot",
                ],
                Status,
                "404",
                "400",
            ),
            row(&["/docs/..%5cseen.php"], Status, "403", "400"),
        ],
    },
    Group {
        reason: "Only the usual spelling of a path leads to a file: another one would get past a route of the Router \
            that guards it. nginx decodes paths and merges slashes before it compares them.",
        rows: &[
            row(&["scripts: *docs//seen.php", "nested: *docs//seen.php"], Status, "200", "404"),
            row(&["scripts: //*seen.php", "nested: //*seen.php"], Status, "200", "404"),
            row(
                &[
                    "scripts: /%2fseen.php",
                    "nested: /%2fseen.php",
                    "scripts: /docs%2f*",
                    "nested: /docs%2f*",
                    "scripts: /%73een.php",
                    "nested: /%73een.php",
                    "scripts: /seen%2ephp",
                    "nested: /seen%2ephp",
                    "scripts: /back%5Cslash.php",
                    "nested: /back%5Cslash.php",
                ],
                Status,
                "200",
                "404",
            ),
            row(
                &[
                    "front controller: /docs//seen.php",
                    "front controller: //*seen.php",
                    "front controller: /%2fseen.php",
                    "front controller: /docs%2f*",
                    "front controller: /%73een.php",
                    "front controller: /seen%2ephp",
                    "front controller: /back%5Cslash.php",
                ],
                Script,
                "*",
                "/parent/app/index.php",
            ),
        ],
    },
    Group {
        reason: "PATH_INFO is what the client sent, decoded once. nginx has merged its slashes and stops at a newline, \
            which `.` of its regular expression does not match.",
        rows: &[
            row(&["/seen.php//a"], Seen("PATH_INFO"), "/a", "//a"),
            row(&["/seen.php//a"], Seen("PHP_SELF"), "*/seen.php/a", "*/seen.php//a"),
            row(&["/seen.php/a//b"], Seen("PATH_INFO"), "/a/b", "/a//b"),
            row(&["/seen.php/a//b"], Seen("PHP_SELF"), "*/seen.php/a/b", "*/seen.php/a//b"),
            row(&["CVE-2019-11043, a newline alone"], Seen("PATH_INFO"), "/", "/\\x0a"),
            row(&["CVE-2019-11043, a newline alone"], Seen("PHP_SELF"), "*/seen.php/", "*/seen.php/\\x0a"),
            row(
                &[
                    "scripts: CVE-2019-11043, a newline in PATH_INFO",
                    "nested: CVE-2019-11043, a newline in PATH_INFO",
                ],
                Status,
                "404",
                "200",
            ),
        ],
    },
    Group {
        reason: "A refused file is a 404, so that a client does not learn what exists. nginx's `deny all` is a 403.",
        rows: &[row(
            &[
                "/.hidden.php",
                "/.env",
                "/.htaccess",
                "/.user.ini",
                "/.git/*",
                "/.missing",
                "/.php",
                "/docs/.htpasswd",
                "/docs/..;/seen.php",
                "/uploads/picture.jpg/.php",
            ],
            Status,
            "403",
            "404",
        )],
    },
    Group {
        reason: "A dot in PATH_INFO names no file, so the rule for hidden files does not apply to it.",
        rows: &[row(&["/seen.php/.env"], Status, "403", "200")],
    },
    Group {
        reason: "A directory without an index is a 404, or the front controller's, as a path that does not exist: the \
            gateway lists no directory. nginx forbids the listing with a 403.",
        rows: &[
            row(
                &["scripts: /list/", "nested: /list/", "scripts: /empty/", "nested: /empty/"],
                Status,
                "403",
                "404",
            ),
            row(
                &["front controller: /list/", "front controller: /empty/", "front controller: /only.php/"],
                Status,
                "403",
                "200",
            ),
            row(
                &[
                    "front controller: /list",
                    "front controller: caddyserver/caddy#2752, a directory in a directory",
                ],
                Status,
                "301",
                "200",
            ),
        ],
    },
    Group {
        reason: "A directory may have a script's name. nginx's location for scripts takes it for a missing script.",
        rows: &[
            row(&["/dir.php"], Status, "404", "308"),
            row(&["/dir.php/", "scripts: /*/inner.txt", "nested: /*/inner.txt"], Status, "404", "200"),
        ],
    },
    Group {
        reason: "A script is found in front of PATH_INFO with a front controller, too. nginx's recommended location, \
            `\\.php$`, leaves such paths to the front controller.",
        rows: &[
            row(
                &[
                    "front controller: /seen.php/*",
                    "front controller: /with%20space.php/a%20b",
                    "front controller: a path of * bytes",
                    "front controller: CVE-2019-11043, a newline in PATH_INFO",
                    "front controller: CVE-2019-11043, a newline alone",
                    "front controller: caddyserver/caddy#2208, PATH_INFO below a directory",
                    "front controller: caddyserver/caddy#3718, PATH_INFO with a query",
                    "front controller: nginx/nginx#879, PATH_INFO with try_files",
                    "front controller: froxlor/froxlor#1357, a file's name in PATH_INFO",
                    "front controller: nextcloud*",
                    "front controller: hacdias/webdav#210, MOVE with a destination",
                ],
                Script,
                "/parent/app/index.php",
                "*",
            ),
            row(&["front controller: php/frankenphp#2317*"], Seen("PATH_INFO"), "", "/en"),
            row(&["front controller: php/frankenphp#2317*"], Seen("PHP_SELF"), "/index.php", "/index.php/en"),
        ],
    },
    Group {
        reason: "The front controller gets each path that names nothing, also one with a script's name: an application \
            may have such routes. nginx's location for scripts makes it a 404.",
        rows: &[row(
            &[
                "front controller: /missing.php",
                "front controller: /docs/missing.php",
                "front controller: /Seen.php",
                "front controller: /UPPER.php",
                "front controller: /broken.php",
                "front controller: /docs/;/seen.php",
                "front controller: /%FCml%E4ut.php",
                "front controller: /u%CC%88ml%C3%A4ut.php",
                "front controller: /per%cent.php",
                "front controller: /plus%20.php",
                "front controller: /twice%20.php",
                "front controller: /with+space.php",
                "front controller: /seen.php%0A",
                "front controller: /seen.php%20.php",
                "front controller: /uploads/picture.jpg%0A.php",
                "front controller: /uploads/picture.jpg%20/x.php",
            ],
            Status,
            "404",
            "200",
        )],
    },
    Group {
        reason: "A path that goes on after a file that is no script is a 404, also with a front controller: nothing \
            after an upload's name makes it run.",
        rows: &[row(
            &["front controller: /hello.txt/", "front controller: /hello.txt/x"],
            Status,
            "200",
            "404",
        )],
    },
    Group {
        reason: "A file whose name is a script's with another ending (`.bak`, `~`, `.phps`) may be its source: it is a 404. \
            nginx sends it.",
        rows: &[row(
            &["/seen.php.bak", "/seen.php~", "/seen.phps", "/seen.phtml", "/seen.php5", "/seen.phar"],
            Status,
            "200",
            "404",
        )],
    },
    Group {
        reason: "A link to a script by another name would send its source: it is a 404 unless `serve_sources` allows it.",
        rows: &[row(&["/text-to-script.txt"], Status, "200", "404")],
    },
    Group {
        reason: "A link that leads out of the document root is not followed by default: see `Symlinks`.",
        rows: &[row(&["/outside.php"], Status, "200", "404")],
    },
    Group {
        reason: "Extensions match in any case, and PHP refuses UPPER.PHP by security.limit_extensions. nginx sends its \
            source.",
        rows: &[row(&["/UPPER.PHP"], Status, "200", "403")],
    },
    Group {
        reason: "A redirect to a directory is a 308, which keeps the method of a POST; a 301 does not.",
        rows: &[row(
            &[
                "/docs",
                "/docs?",
                "/docs?a=b",
                "/html",
                "scripts: /list",
                "nested: /list",
                "scripts: caddyserver/caddy#2752, a directory in a directory",
                "nested: caddyserver/caddy#2752, a directory in a directory",
                "HEAD of a directory",
                "POST of a directory",
                "a POST for a directory without its slash",
                "a directory of another host",
                "a directory of a host with a port",
                "caddyserver/caddy#1732, a directory without its slash",
                "caddyserver/caddy#2752, a POST to a directory",
            ],
            Status,
            "301",
            "308",
        )],
    },
    Group {
        reason: "A redirect keeps the query as it is, even if that is empty.",
        rows: &[row(&["/docs?"], Header("location"), "http://site.test*/docs/", "*/docs/?")],
    },
    Group {
        reason: "A redirect's Location is relative (RFC 9110 10.2.2): neither a Host header nor a prefix that a proxy has \
            removed can change where it leads.",
        rows: &[
            row(&["*"], Header("location"), "http://site.test*", "./*/"),
            row(
                &["/docs?a=b", "caddyserver/caddy#1732, a directory without its slash"],
                Header("location"),
                "http://site.test*",
                "./docs/?*",
            ),
            row(&["a directory of another host"], Header("location"), "http://other.test:*/docs/", "./docs/"),
        ],
    },
    Group {
        reason: "nginx's redirect has a page.",
        rows: &[
            row(&["HEAD of a directory"], Header("content-length"), "*", "-"),
            row(&["HEAD of a directory"], Header("content-type"), "text/html", "-"),
        ],
    },
];
