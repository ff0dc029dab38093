//! Bodies of requests.

use crate::case::{Case, Setup};

const FORM: &str = "a=1&b%5B%5D=2&b%5B%5D=3&c+d=%FF";

const MULTIPART: &str = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n\
    --x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a b.txt\"\r\nContent-Type: text/plain\r\n\r\nHello\r\n--x--\r\n";

fn post(name: &str) -> Case {
    Case::get(name, "/seen.php").method("POST")
}

pub(crate) fn cases() -> Vec<Case> {
    [sized(), expected(), chunked(), lengths()].into_iter().flatten().collect()
}

fn long() -> Vec<u8> {
    vec![b'x'; 1 << 20]
}

/// Bodies with a length.
fn sized() -> Vec<Case> {
    let type_of = |name: &str, value: &str| post(name).header(format!("Content-Type: {value}")).body(FORM);
    vec![
        post("a form").form(FORM),
        post("a form for the front controller").form(FORM).setups(&[Setup::FrontController, Setup::Nested]),
        post("an empty body").body(""),
        post("a form of 1 MiB").form([b"a=", &long()[..]].concat()),
        post("1 MiB").body(long()),
        post("3 MiB that are not read").body(long().repeat(3)).target("/respond.php?as=text"),
        post("parts").header("Content-Type: multipart/form-data; boundary=x").body(MULTIPART),
        post("parts without a boundary").header("Content-Type: multipart/form-data").body(MULTIPART),
        post("parts with an end missing")
            .header("Content-Type: multipart/form-data; boundary=x")
            .body(&MULTIPART[..MULTIPART.len() - 5]),
        type_of("a type of JSON", "application/json"),
        type_of("a type with a charset", "application/x-www-form-urlencoded; charset=utf-8"),
        type_of("a type in capitals", "Application/X-WWW-Form-Urlencoded"),
        type_of("an odd type", "nonsense"),
        type_of("an empty type", ""),
        post("no type").body(FORM),
        post("two types")
            .header("Content-Type: application/x-www-form-urlencoded")
            .header("Content-Type: text/plain")
            .body(FORM),
        Case::get("a GET with a body", "/seen.php").body(FORM),
        Case::get("a HEAD with a body", "/seen.php").method("HEAD").body(FORM),
        Case::get("a PUT with a body", "/seen.php").method("PUT").form(FORM).method("PUT"),
        Case::get("a DELETE with a body", "/seen.php").form(FORM).method("DELETE"),
        Case::get("an OPTIONS with a body", "/seen.php").form(FORM).method("OPTIONS"),
        Case::get("a body for a file", "/hello.txt").body(FORM),
        Case::get("a POST for nothing", "/missing").form(FORM),
        Case::get("a POST for a directory without its slash", "/docs").form(FORM),
    ]
}

/// Bodies for which the client expects a 100.
fn expected() -> Vec<Case> {
    vec![
        post("an expected body").expected(FORM),
        post("an expected body of 1 MiB").expected(long()),
        Case::get("an expected body for nothing", "/missing").method("POST").expected(FORM),
        Case::get("an expected body that is not read", "/respond.php?as=text").method("POST").expected(FORM),
        post("an expectation in capitals").header("Expect: 100-Continue").body(FORM),
        post("another expectation").header("Expect: nonsense").body(FORM),
        Case::get("an expectation without a body", "/seen.php").header("Expect: 100-continue"),
    ]
}

/// Bodies of unknown length, and codings.
fn chunked() -> Vec<Case> {
    let chunked = |body: &str| post("").header("Transfer-Encoding: chunked").raw(body);
    vec![
        chunked("4\r\na=1&\r\n3\r\nb=2\r\n0\r\n\r\n").named("chunks"),
        chunked("4\r\na=1&\r\n3\r\nb=2\r\n0\r\n\r\n")
            .header("Content-Type: application/x-www-form-urlencoded")
            .named("chunks of a form"),
        chunked("0\r\n\r\n").named("no chunks"),
        chunked("4;ext=1\r\na=1&\r\n0\r\nX-Trailer: 1\r\n\r\n").named("chunks with extensions and trailers"),
        chunked("4\r\na=1&\r\nZ\r\n").named("a chunk without a size"),
        chunked("10000000000000000\r\n").named("a chunk that is too long"),
        chunked(&format!("100000\r\n{}\r\n0\r\n\r\n", "x".repeat(1 << 20))).named("a chunk of 1 MiB"),
        chunked(&"2\r\nxy\r\n".repeat(5_000)).named("many chunks without an end").ends(),
        post("chunks and a length")
            .header("Transfer-Encoding: chunked")
            .header("Content-Length: 3")
            .raw("0\r\n\r\n"),
        post("chunks in HTTP/1.0")
            .version("HTTP/1.0")
            .header("Transfer-Encoding: chunked")
            .raw("3\r\na=1\r\n0\r\n\r\n"),
        post("another coding").header("Transfer-Encoding: gzip, chunked").raw("0\r\n\r\n"),
        post("an unknown coding").header("Transfer-Encoding: nonsense").raw("x"),
    ]
}

/// Lengths that are missing, repeated or wrong.
fn lengths() -> Vec<Case> {
    vec![
        post("a POST without a length"),
        post("a POST without a length in HTTP/1.0").version("HTTP/1.0"),
        post("two equal lengths").header("Content-Length: 3").header("Content-Length: 3").raw("a=1"),
        post("two lengths").header("Content-Length: 3").header("Content-Length: 4").raw("a=1"),
        post("a length of text").header("Content-Length: three").raw("a=1"),
        post("a negative length").header("Content-Length: -1").raw("a=1"),
        post("a length with a plus").header("Content-Length: +3").raw("a=1"),
        post("a length of zeros").header("Content-Length: 0003").raw("a=1"),
        post("a body that ends early").header("Content-Length: 100").raw("a=1").ends(),
        post("bytes after the body").header("Content-Length: 3").raw("a=1GET / HTTP/1.1\r\n\r\n"),
    ]
}
