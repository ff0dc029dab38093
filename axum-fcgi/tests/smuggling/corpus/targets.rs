//! Request lines.

use super::{get, request};
use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    // Paths that reach the application unchanged, or not at all.
    let paths = [
        ("two slashes", "//"),
        ("slashes in the middle", "/a//b///c"),
        ("a host behind two slashes", "//evil/a"),
        ("encoded twice", "/a/%252e%252e%252fb"),
        ("a backslash", "/a\\..\\b"),
        ("an encoded backslash", "/a%5c..%5cb"),
        ("an encoded byte that is nothing", "/a%00b"),
        ("an encoded line end", "/a%0d%0aX-Evil:%20y"),
        ("a parameter", "/a;x=y/b;z"),
        ("a parameter of dots", "/a/..;/b"),
        ("half an escape", "/a%2"),
        ("an escape of no digits", "/a%zz"),
        ("no UTF-8", "/a%ff"),
        ("overlong UTF-8", "/a%c0%ae%c0%ae/b"),
        ("a fragment", "/a#b"),
        ("an encoded question mark", "/a%3fb?c"),
        ("two question marks", "/a?b?c"),
        ("an empty query", "/a?"),
        ("a script's suffix", "/a.php/b"),
        ("signs", "/a!$&'()*+,:@-._~"),
    ];
    let paths = paths.map(|(name, path)| {
        let seen = format!("GET {path}");
        // Clients do not send a fragment unless on purpose.
        let cut = seen.split('#').next().unwrap_or_default();
        Case::either(name, get(path, ""), &[cut]).or_seen(&[&seen]).or_seen(&[])
    });
    // Paths that reach the application in another form, or not at all: dot segments are always resolved.
    let decided = [
        ("dots", "/a/../b", "/b"),
        ("dots above the root", "/../b", "/b"),
        ("a dot", "/a/./b", "/a/b"),
        ("a dot at the end", "/a/.", "/a/"),
        ("dots at the end", "/a/b/..", "/a/"),
        ("dots alone", "/..", "/"),
        ("dots with an encoded slash", "/a/..%2fb", "/b"),
        ("dots above the root with an encoded slash", "/..%2fb", "/b"),
        ("encoded dots", "/a/%2e%2e/b", "/b"),
        ("one encoded dot of two", "/a/.%2E/b", "/b"),
        ("the other encoded dot of two", "/a/%2e./b", "/b"),
        ("an encoded dot", "/a/%2e/b", "/a/b"),
        ("encoded dots and slashes", "/a%2f%2e%2e%2fb", "/b"),
        ("dots before a query", "/a/..?b", "/?b"),
        ("a query of signs", "/a?x=%00&y=../..&z=<>\"'|^`{}[]", "/a?x=%00&y=../..&z=%3C%3E%22'|^`{}[]"),
        ("brackets", "/a[b]{c}|d^e`f\"g<h>", "/a[b]{c}|d^e%60f%22g%3Ch%3E"),
        ("UTF-8", "/\u{e9}", "/%C3%A9"),
    ];
    let decided = decided.map(|(name, path, decided)| {
        let seen = format!("GET {decided}");
        Case::either(name, get(path, ""), &[&seen]).or_seen(&[]).alone()
    });
    let lines = vec![
        Case::seen("an absolute target", get("http://h/a?b", ""), &["GET /a?b"]),
        // nginx merges slashes first by default.
        Case::either("dots behind two slashes", get("/a//../b", ""), &["GET /b"])
            .or_seen(&["GET /a/b"])
            .or_seen(&[])
            .alone(),
        Case::either("an absolute target of another host", get("http://evil/a", ""), &["GET /a"])
            .header("host", &["h", "evil"]),
        Case::either("an absolute target without a path", get("http://h", ""), &["GET /"]).or_seen(&[]),
        Case::either("an absolute target with a query alone", get("http://h?b", ""), &["GET /?b"]),
        Case::either("an absolute target with a user", get("http://user@h/a", ""), &["GET /a"]),
        Case::either("an absolute target of another scheme", get("https://h/a", ""), &["GET /a"]),
        Case::either("a target of an unknown scheme", get("x://h/a", ""), &["GET /a"]),
        Case::either("a target without a slash", get("a", ""), &[]),
        Case::either("a target without a slash, of dots", get("../a", ""), &[]),
        Case::either("an asterisk", request("OPTIONS *", "", ""), &["OPTIONS *"]).or_seen(&[]).alone(),
        Case::either("an asterisk that is got", get("*", ""), &[]).or_seen(&[]),
        Case::either("CONNECT", request("CONNECT h:80", "", ""), &[]).alone(),
        Case::either("CONNECT with a path", request("CONNECT /a", "", ""), &["CONNECT /a"]),
        Case::either("TRACE", request("TRACE /a", "", ""), &["TRACE /a"]),
        Case::seen("HEAD", request("HEAD /a", "", ""), &["HEAD /a"]),
        Case::either("an unknown method", request("FETCH /a", "", ""), &["FETCH /a"]),
        Case::either("a method in small letters", request("get /a", "", ""), &["get /a"]),
        Case::either("a method with a hyphen", request("M-SEARCH /a", "", ""), &["M-SEARCH /a"]),
        Case::either("a method of signs", request("G@T /a", "", ""), &[]),
        Case::either(
            "another method in a header",
            get("/a", "X-HTTP-Method-Override: DELETE\r\n"),
            &["GET /a"],
        ),
        Case::either(
            "a protocol switch",
            get(
                "/a",
                "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
            ),
            &["GET /a"],
        )
        .alone(),
        Case::either(
            "a header that the connection ends",
            get("/a", "Connection: X-Gone\r\nX-Gone: y\r\n"),
            &["GET /a"],
        ),
        Case::either("HTTP/2", "GET /a HTTP/2.0\r\nHost: h\r\n\r\n", &["GET /a"]),
        Case::rejected("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        Case::either("HTTP/1.2", "GET /a HTTP/1.2\r\nHost: h\r\n\r\n", &["GET /a"]),
        Case::either("HTTP/1.0", "GET /a HTTP/1.0\r\n\r\n", &[]).or_incomplete(&["GET /a"]),
        Case::either("HTTP/0.9", "GET /a\r\n", &[]).or_incomplete(&["GET /a"]),
        Case::rejected("no protocol", "GET /a FTP/1.0\r\n\r\n"),
        Case::either("blanks in a request line", "GET  /a  HTTP/1.1\r\nHost: h\r\n\r\n", &["GET /a"]),
        Case::either("a blank in a target", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", &[]),
        Case::rejected("a byte that is nothing in a target", "GET /a\0b HTTP/1.1\r\nHost: h\r\n\r\n"),
        Case::either("a tabulator in a target", "GET /a\tb HTTP/1.1\r\nHost: h\r\n\r\n", &[]),
        Case::rejected("a target that is too long", get(&format!("/{}", "a".repeat(70_000)), "")),
        Case::seen(
            "a long target",
            get(&format!("/{}", "a".repeat(6000)), ""),
            &[&format!("GET /{}", "a".repeat(6000))],
        )
        .or_seen(&[]),
    ];
    paths.into_iter().chain(decided).chain(lines).collect()
}
