//! The Host header.

use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    let hosts = [
        "site.test:80",
        "site.test:8080",
        "site.test:",
        "site.test:port",
        "site.test:99999",
        "SITE.TEST",
        "site.test.",
        "other.test",
        "192.0.2.1",
        "[::1]",
        "[::1]:8080",
        "under_score.test",
        "\u{fc}.test",
        "user@site.test",
        "site.test/x",
        "site test",
        "-",
        "..",
        "a,b",
        "",
    ];
    let named = hosts.map(|host| Case::get(&format!("Host: {host}"), "/seen.php").host(Some(host)));
    let more = [
        Case::get("no Host", "/seen.php").host(None),
        Case::get("two Hosts", "/seen.php").header("Host: other.test"),
        Case::get("Host and X-Forwarded-Host", "/seen.php").header("X-Forwarded-Host: evil.test"),
        Case::get("a directory of another host", "/docs").host(Some("other.test")),
        Case::get("a directory of a host with a port", "/docs").host(Some("site.test:81")),
    ];
    named.into_iter().chain(more).collect()
}
