//! Other headers of requests.

use crate::case::Case;

/// Each alone, named as itself.
const LINES: [&str; 56] = [
    "X-Empty:",
    "X-Blank: \t ",
    "X-Space:  a b  ",
    "X-Tab: a\tb",
    "X-Colon: a:b: c",
    "X-Quote: \"a\\b\"",
    "X_Under: 1",
    "X.Dot: 1",
    "X!Mark: 1",
    "X'Quote: 1",
    "X-Ümlaut: 1",
    "X Space: 1",
    "X-Blank : 1",
    " X-Folded: 1",
    "No-Colon",
    ": no name",
    "X-Utf: \u{fc}",
    "X-Control: a\u{1}b",
    "X-Delete: a\u{7f}b",
    "X-Return: a\rb",
    "X-Folded: a\r\n b",
    "1: 2",
    "-: 1",
    "Proxy: http://evil.test",
    "proxy: http://evil.test",
    "HTTP-Proxy: http://evil.test",
    "HTTP_PROXY: http://evil.test",
    "Proxy-Connection: keep-alive",
    "Proxy-Authorization: Basic eDp5",
    "Authorization: Basic YW5uOnNlY3JldA==",
    "Authorization: basic YW5uOnNlY3JldA==",
    "Authorization: Basic nonsense",
    "Authorization: Bearer token",
    "Authorization: Digest username=\"ann\"",
    "Authorization:",
    "Cookie: a=1; b=2",
    "Cookie: a=%FF; b=\"q\"; c",
    "Cookie:",
    "Accept-Encoding: gzip, br",
    "Content-Type: text/plain",
    "Content-Length: 0",
    "Content_Length: 5",
    "Content-Encoding: gzip",
    "Content-MD5: x",
    "Script-Filename: /etc/passwd",
    "SCRIPT_FILENAME: /etc/passwd",
    "Path-Info: /evil",
    "Remote-User: root",
    "HTTPS: on",
    "Status: 404",
    "TE: trailers",
    "Trailer: X-Sum",
    "Keep-Alive: 300",
    "Upgrade: h2c",
    "Upgrade-Insecure-Requests: 1",
    "Via: 1.1 other",
];

const MORE: [&str; 14] = [
    "X-Forwarded-For: 192.0.2.1",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Port: 443",
    "X-Real-IP: 192.0.2.1",
    "Forwarded: for=192.0.2.1;proto=https",
    "X-Original-URL: /docs/",
    "X-Rewrite-URL: /docs/",
    "X-HTTP-Method-Override: DELETE",
    "X-Accel-Redirect: /hello.txt",
    "Range: bytes=0-1",
    "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT",
    "If-None-Match: \"x\"",
    "If-Match: \"x\"",
    "Referer: http://site.test/a?b",
];

pub(crate) fn cases() -> Vec<Case> {
    let get = |name: &str| Case::get(name, "/seen.php");
    let alone = LINES.iter().chain(&MORE).map(|line| get(line).header(*line));
    let long = [1_000, 3_000, 7_000, 9_000, 20_000, 33_000].map(|bytes| {
        get(&format!("a header of {bytes} bytes")).header(format!("X-Long: {}", "x".repeat(bytes)))
    });
    let many = [50, 90, 98, 120, 200].map(|count| {
        (0..count)
            .fold(get(&format!("{count} headers")), |case, number| case.header(format!("X-{number}: y")))
    });
    let mut latin = b"X-Latin: ".to_vec();
    latin.push(0xfc);
    let more = [
        get("a value of Latin-1").header(latin),
        get("a value with a NUL").header("X-Nul: a\0b"),
        get("a name twice").header("X-Twice: 1").header("X-Other: y").header("x-twice: 2"),
        get("a name with both signs").header("X-User: ann").header("X_User: root"),
        get("cookies twice").header("Cookie: a=1").header("Cookie: b=2"),
        get("two authorizations").header("Authorization: Basic YTpi").header("Authorization: Bearer x"),
        get("two forwarded addresses")
            .header("X-Forwarded-For: 192.0.2.1")
            .header("X-Forwarded-For: 192.0.2.2"),
        get("two referers").header("Referer: a").header("Referer: b"),
        get("two user agents").header("User-Agent: a").header("User-Agent: b"),
        get("a header that Connection names").header("Connection: X-Hop").header("X-Hop: 1"),
        get("headers that no client may remove")
            .header("Connection: close, Host, Cookie, Authorization, X-Forwarded-For, Content-Type, Content-Length")
            .header("Cookie: a=1")
            .header("Authorization: Bearer token")
            .header("X-Forwarded-For: 192.0.2.1")
            .form("a=1"),
        get("an upgrade to a WebSocket")
            .header("Connection: Upgrade")
            .header("Upgrade: websocket")
            .header("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
            .header("Sec-WebSocket-Version: 13"),
        get("accept lists")
            .header("Accept: text/html")
            .header("Accept: */*;q=0.1")
            .header("Accept-Language: de")
            .header("Accept-Language: en"),
    ];
    alone.chain(long).chain(many).chain(more).collect()
}
