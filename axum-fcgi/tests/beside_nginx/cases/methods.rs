//! Methods.

use crate::case::{Case, Setup};

const METHODS: [&str; 22] = [
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "OPTIONS",
    "PATCH",
    "TRACE",
    "PROPFIND",
    "MKCOL",
    "COPY",
    "LOCK",
    "REPORT",
    "QUERY",
    "PURGE",
    "get",
    "Post",
    "X-CUSTOM",
    "M-SEARCH",
    "A_B",
    "CONNECT",
    "GET1",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ",
];

pub(crate) fn cases() -> Vec<Case> {
    let script = METHODS
        .iter()
        .map(|method| Case::get(&format!("{method} of a script"), "/seen.php/a?b").method(method));
    let file = ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"]
        .map(|method| Case::get(&format!("{method} of a file"), "/hello.txt").method(method));
    let directory =
        ["HEAD", "POST"].map(|method| Case::get(&format!("{method} of a directory"), "/docs").method(method));
    let missing = ["HEAD", "POST", "OPTIONS", "TRACE"].map(|method| {
        Case::get(&format!("{method} of nothing"), "/missing")
            .method(method)
            .setups(&[Setup::Scripts, Setup::FrontController])
    });
    let more = [
        Case::get("OPTIONS of a star", "*").method("OPTIONS"),
        Case::get("CONNECT of an authority", "site.test:80").method("CONNECT"),
        Case::get("HEAD with a length", "/respond.php?as=length").method("HEAD"),
        Case::get("HEAD of much", "/respond.php?as=large").method("HEAD"),
        Case::get("HEAD with a status", "/respond.php?as=status-404").method("HEAD"),
        Case::get("a method with a blank before it", "/seen.php").method(" GET"),
        Case::get("no method", "/seen.php").method(""),
        Case::get("HTTP/1.0", "/seen.php").version("HTTP/1.0"),
        Case::get("HTTP/1.0 without a host", "/seen.php").version("HTTP/1.0").host(None),
        Case::get("HTTP/1.0 with a status", "/respond.php?as=status-404").version("HTTP/1.0"),
        Case::get("HTTP/1.2", "/seen.php").version("HTTP/1.2"),
        Case::get("HTTP/2.0", "/seen.php").version("HTTP/2.0"),
        Case::get("a version in small letters", "/seen.php").version("http/1.1"),
        Case::get("a version of another protocol", "/seen.php").version("SIP/1.1"),
    ];
    script.chain(file).chain(directory).chain(missing).chain(more).collect()
}
