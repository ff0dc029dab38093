//! Headers that could become a meta-variable, or another header.

use super::get;
use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    let with = |headers: &str| get("/a", headers);
    let seen = &["GET /a"];
    let long = "x".repeat(6000);
    let too_long = "x".repeat(70_000);
    let many = "X-Many: y\r\n".repeat(95);
    let mut with_nul = b"GET /a HTTP/1.1\r\nHost: h\r\nX-Nul: a".to_vec();
    with_nul.extend(b"\0b\r\n\r\n");
    let mut latin = b"GET /a HTTP/1.1\r\nHost: h\r\nX-Latin: ".to_vec();
    latin.extend(b"caf\xe9\r\n\r\n");
    vec![
        Case::seen("every meta-variable as a header", with(&meta_variables("-")), seen)
            .header("remote-addr", &["evil"])
            .header("host", &["h"]),
        Case::either("every meta-variable with its underscores", with(&meta_variables("_")), seen)
            .header("remote-addr", &["", "evil"]),
        Case::seen("Proxy", with("Proxy: http://evil\r\n"), seen).header("proxy", &[""]),
        Case::seen(
            "Proxy in small letters, and twice",
            with("proxy: http://evil\r\nPROXY: http://evil\r\n"),
            seen,
        )
        .header("proxy", &[""]),
        Case::seen("HTTP-Proxy is another name", with("HTTP-Proxy: http://evil\r\n"), seen)
            .header("proxy", &[""])
            .header("http-proxy", &["http://evil"]),
        Case::seen("HTTP-Host is no host", with("HTTP-Host: evil\r\nHTTP-HTTP-Host: evil\r\n"), seen)
            .header("host", &["h"])
            .header("http-host", &["evil"]),
        Case::either("HTTP_HOST is no host", with("HTTP_HOST: evil\r\n"), seen).header("host", &["h"]),
        Case::either("two hosts", with("Host: evil\r\n"), seen).header("host", &["h"]),
        Case::either("a host with a path", "GET /a HTTP/1.1\r\nHost: h/evil?x@y\r\n\r\n", seen),
        Case::either("a host with blanks", "GET /a HTTP/1.1\r\nHost: h evil\r\n\r\n", seen),
        Case::either("no host", "GET /a HTTP/1.1\r\n\r\n", seen),
        Case::either("an empty host", "GET /a HTTP/1.1\r\nHost:\r\n\r\n", seen),
        Case::seen(
            "what is forwarded",
            with("X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n"),
            seen,
        )
        .header("x-forwarded-for", &["6.6.6.6"]),
        // CGI gives both the same name: nginx drops the one with the underscore by default.
        Case::either("an underscore beside a hyphen", with("X-User: nobody\r\nX_User: root\r\n"), seen)
            .header("x-user", &["nobody", "nobody|root"]),
        Case::seen("a name twice", with("X-Twice: 1\r\nX-Twice: 2\r\nx-twice: 3\r\n"), seen)
            .header("x-twice", &["1|2|3"])
            .joined("x-twice", &["1, 2, 3"]),
        Case::seen("a type twice", with("Content-Type: a/b\r\nX-Other: y\r\n"), seen)
            .header("content-type", &["a/b"]),
        Case::either("two types", with("Content-Type: a/b\r\nContent-Type: c/d\r\n"), seen)
            .header("content-type", &["a/b", "c/d"])
            .joined("content-type", &["a/b, c/d"])
            .alone(),
        Case::either("a type with an underscore", with("Content-Type: a/b\r\nContent_Type: c/d\r\n"), seen)
            .header("content-type", &["a/b"])
            .alone(),
        Case::seen("an empty value", with("X-Empty:\r\n"), seen),
        Case::seen("a value of blanks", with("X-Blank: \t \r\n"), seen)
            .header("x-blank", &["", "\t"])
            .alone(),
        Case::seen("a colon in a value", with("X-Colon: a: b:c\r\n"), seen).header("x-colon", &["a: b:c"]),
        Case::seen("Latin-1", latin, seen),
        Case::rejected("a byte that is nothing", with_nul).or_seen(&[]),
        Case::either("a control byte in a value", with("X-Control: a\u{1}b\r\n"), seen).or_seen(&[]),
        Case::either("a carriage return in a value", with("X-Return: a\rb\r\n"), seen).alone(),
        Case::either("a value on two lines", with("X-Folded: a\r\n b\r\n"), seen)
            .header("x-folded", &["a b", "a   b"]),
        Case::either(
            "a header on the line of the first fold",
            "GET /a HTTP/1.1\r\n X: y\r\nHost: h\r\n\r\n",
            seen,
        ),
        Case::either("a line without a colon", with("X-No-Colon\r\n"), seen),
        Case::either("an empty name", with(": evil\r\n"), seen),
        Case::either("a blank in a name", with("X Blank: evil\r\n"), seen),
        Case::either("a name with a dot", with("X.Dot: y\r\nRemote.User: evil\r\n"), seen).alone(),
        Case::either("a name with signs", with("X!#$%&'*+^`|~: y\r\n"), seen).alone(),
        Case::either("a name with brackets", with("X(y): z\r\n"), seen).or_seen(&[]),
        Case::either("a name with a slash", with("X/y: z\r\n"), seen).or_seen(&[]),
        Case::either("a name with an equals sign", with("REMOTE_USER=root: z\r\n"), seen).or_seen(&[]),
        Case::either("a name that is no ASCII", with("X-\u{e9}: z\r\n"), seen).or_seen(&[]),
        Case::either("a long name", with(&format!("X-{long}: y\r\n")), seen),
        Case::seen("a long value", with(&format!("X-Long: {long}\r\n")), seen).header("x-long", &[&long]),
        Case::rejected("a name that is too long", with(&format!("X-{too_long}: y\r\n"))),
        Case::rejected("a value that is too long", with(&format!("X-Long: {too_long}\r\n"))),
        Case::either("many", with(&many), seen),
        Case::either("line feeds alone", "GET /a HTTP/1.1\nHost: h\nX: y\n\n", seen),
    ]
}

/// One header per meta-variable.
fn meta_variables(between: &str) -> String {
    let names = [
        "AUTH_TYPE",
        "DOCUMENT_ROOT",
        "DOCUMENT_URI",
        "FCGI_ROLE",
        "FCGI_WEB_SERVER_ADDRS",
        "GATEWAY_INTERFACE",
        "HTTPS",
        "HTTP_REMOTE_USER",
        "PATH_INFO",
        "PATH_TRANSLATED",
        "PHP_VALUE",
        "QUERY_STRING",
        "REDIRECT_STATUS",
        "REMOTE_ADDR",
        "REMOTE_HOST",
        "REMOTE_IDENT",
        "REMOTE_PORT",
        "REMOTE_USER",
        "REQUEST_METHOD",
        "REQUEST_SCHEME",
        "REQUEST_URI",
        "SCRIPT_FILENAME",
        "SCRIPT_NAME",
        "SERVER_ADDR",
        "SERVER_NAME",
        "SERVER_PORT",
        "SERVER_PROTOCOL",
        "SERVER_SOFTWARE",
        "SSL_CLIENT_VERIFY",
        "STATUS",
    ];
    names.map(|name| format!("{}: evil\r\n", name.replace('_', between))).concat()
}
