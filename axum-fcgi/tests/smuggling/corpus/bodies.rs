//! Content-Length, alone and with Transfer-Encoding.

use super::{SMUGGLED, get, post, request};
use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    let len = SMUGGLED.len();
    let abc = &["POST /a abc"];
    let hidden = format!("POST /a {SMUGGLED}");
    let chunked = "Transfer-Encoding: chunked\r\n";
    vec![
        Case::seen("a length", post("Content-Length: 3\r\n", "abc"), abc),
        Case::seen("a length of nothing", post("Content-Length: 0\r\n", ""), &["POST /a"]),
        Case::seen("no length, no body", post("", ""), &["POST /a"]),
        Case::seen("zeros before a length", post("Content-Length: 003\r\n", "abc"), abc),
        Case::seen("blanks around a length", post("Content-Length: \t 3 \t \r\n", "abc"), abc)
            .or_incomplete(&[]),
        Case::either("a length twice", post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), abc),
        Case::rejected("two lengths", post("Content-Length: 3\r\nContent-Length: 4\r\n", "abc")),
        Case::rejected(
            "two lengths, the other way round",
            post("Content-Length: 4\r\nContent-Length: 3\r\n", "abc"),
        ),
        Case::either("a list of one length", post("Content-Length: 3, 3\r\n", "abc"), abc),
        Case::rejected("a list of two lengths", post("Content-Length: 3, 4\r\n", "abc")),
        Case::rejected("a length with a plus", post("Content-Length: +3\r\n", "abc")),
        Case::rejected("a negative length", post("Content-Length: -3\r\n", "abc")),
        Case::rejected("a length of minus nothing", post("Content-Length: -0\r\n", "")),
        Case::rejected("a hexadecimal length", post("Content-Length: 0x3\r\n", "abc")),
        Case::rejected("a length with a fraction", post("Content-Length: 3.0\r\n", "abc")),
        Case::rejected("a length and a word", post("Content-Length: 3abc\r\n", "abc")),
        Case::rejected("a length and another number", post("Content-Length: 3 4\r\n", "abc")),
        Case::rejected("an empty length", post("Content-Length: \r\n", "abc")),
        Case::rejected("a length in quotes", post("Content-Length: \"3\"\r\n", "abc")),
        Case::either("a length over 64 bits", post("Content-Length: 18446744073709551619\r\n", "abc"), abc)
            .alone(),
        Case::rejected("a length over 63 bits", post("Content-Length: 9223372036854775811\r\n", "abc"))
            .ends(),
        Case::rejected("a length after a vertical tab", post("Content-Length:\u{b}3\r\n", "abc")),
        Case::rejected("a blank before the colon", post("Content-Length : 3\r\n", "abc")),
        Case::seen("a name in small letters", post("content-length: 3\r\n", "abc"), abc),
        // nginx does not see this as a length. Nor does the application, which gets it under the same name.
        Case::seen("a length with an underscore", post("Content_Length: 3\r\n", ""), &["POST /a"])
            .header("content-length", &["", "0"]),
        Case::seen(
            "a length, and one with an underscore",
            post("Content-Length: 3\r\nContent_Length: 9\r\n", "abc"),
            abc,
        )
        .header("content-length", &["3"]),
        Case::seen(
            "a GET with a body",
            request("GET /a", &format!("Content-Length: {len}\r\n"), SMUGGLED),
            &[&format!("GET /a {SMUGGLED}")],
        ),
        Case::seen("a request in a body", post(&format!("Content-Length: {len}\r\n"), SMUGGLED), &[&hidden]),
        Case::seen(
            "three in a row",
            [post("Content-Length: 3\r\n", "abc"), get("/b", ""), get("/c", "")].concat(),
            &["POST /a abc", "GET /b", "GET /c"],
        ),
        Case::seen("empty lines before a request", format!("\r\n\r\n{}", get("/a", "")), &["GET /a"]),
        Case::rejected("less than the length", post("Content-Length: 300\r\n", "abc")).ends(),
        Case::seen("Expect", post("Expect: 100-continue\r\nContent-Length: 3\r\n", "abc"), abc),
        Case::either("an unknown Expect", post("Expect: 200-ok\r\nContent-Length: 3\r\n", "abc"), abc)
            .alone(),
        // RFC 9112 §6.3: Transfer-Encoding wins, or it is an error.
        Case::either("CL.TE", post(&format!("Content-Length: 6\r\n{chunked}"), "0\r\n\r\nG"), &["POST /a"])
            .or_incomplete(&["POST /a"]),
        Case::either(
            "TE.CL",
            post(&format!("{chunked}Content-Length: 4\r\n"), &in_one_chunk(SMUGGLED)),
            &[&hidden],
        )
        .or_incomplete(&[&hidden]),
        Case::either(
            "CL and TE that agree",
            post(&format!("Content-Length: 13\r\n{chunked}"), "3\r\nabc\r\n0\r\n\r\n"),
            abc,
        )
        .or_incomplete(abc),
        Case::either(
            "chunks of HTTP/1.0",
            format!("POST /a HTTP/1.0\r\n{chunked}\r\n0\r\n\r\n"),
            &["POST /a"],
        )
        .alone()
        .or_incomplete(&["POST /a"]),
    ]
}

fn in_one_chunk(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}
