//! Transfer-Encoding, and the syntax of chunks.

use super::{SMUGGLED, post, request};
use crate::case::Case;

/// A body of three bytes.
const ABC: &str = "3\r\nabc\r\n0\r\n\r\n";

pub(crate) fn cases() -> Vec<Case> {
    let coded = |value: &str| post(&format!("Transfer-Encoding: {value}\r\n"), ABC);
    let chunks = |chunks: &str| post("Transfer-Encoding: chunked\r\n", chunks);
    let abc = &["POST /a abc"];
    // A parser that ignores the header sees a request without a body, followed by an invalid line.
    let without = &["POST /a"];
    vec![
        Case::seen("chunks", coded("chunked"), abc),
        Case::seen("chunks in capitals", coded("cHuNkEd"), abc),
        Case::either("blanks around the coding", coded("\t chunked \t"), abc),
        Case::either("an unknown coding", coded("xchunked"), abc).or_incomplete(without),
        Case::either("chunks behind another coding", coded("gzip, chunked"), abc),
        Case::either("chunks, and then another coding", coded("chunked, gzip"), abc),
        Case::either("identity", coded("identity"), abc).or_incomplete(without),
        Case::either("chunks twice in a list", coded("chunked, chunked"), abc),
        Case::either("a parameter", coded("chunked;q=1"), abc),
        Case::either("quotes", coded("\"chunked\""), abc),
        Case::either("an empty coding", coded(""), abc).or_incomplete(without),
        Case::either("a tabulator of the other kind", coded("\u{b}chunked"), abc),
        Case::either("a byte behind the coding", coded("chunked\u{1}"), abc),
        Case::either(
            "two lines",
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", ABC),
            abc,
        ),
        Case::either(
            "two lines that differ",
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", ABC),
            abc,
        ),
        Case::either("a coding on a line of its own", post("Transfer-Encoding:\r\n chunked\r\n", ABC), abc),
        Case::rejected(
            "a blank before the colon of the coding",
            post("Transfer-Encoding : chunked\r\n", ABC),
        ),
        Case::either("an underscore", post("Transfer_Encoding: chunked\r\n", ABC), &[])
            .or_incomplete(without),
        Case::either(
            "an underscore beside a length",
            post("Content-Length: 3\r\nTransfer_Encoding: chunked\r\n", "abc"),
            abc,
        ),
        Case::either("behind a line feed alone", post("X: y\nTransfer-Encoding: chunked\r\n", ABC), abc),
        Case::either(
            "behind a carriage return alone",
            post("X: y\rTransfer-Encoding: chunked\r\n", ABC),
            &[],
        )
        .or_incomplete(without),
        Case::seen("a body of no chunk", chunks("0\r\n\r\n"), without),
        Case::seen("several chunks", chunks("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"), abc),
        Case::seen("zeros before a size", chunks("0003\r\nabc\r\n000\r\n\r\n"), abc),
        Case::either("an extension", chunks("3;x=y\r\nabc\r\n0;z\r\n\r\n"), abc),
        Case::either("an extension with a line feed", chunks("3;x\ny\r\nabc\r\n0\r\n\r\n"), &[]),
        Case::either("a blank behind a size", chunks("3 \r\nabc\r\n0\r\n\r\n"), abc),
        Case::rejected("a size with 0x", chunks("0x3\r\nabc\r\n0\r\n\r\n")),
        Case::rejected("a negative size", chunks("-3\r\nabc\r\n0\r\n\r\n")),
        Case::rejected("a size with a plus", chunks("+3\r\nabc\r\n0\r\n\r\n")),
        Case::rejected("a size over 64 bits", chunks("10000000000000003\r\nabc\r\n0\r\n\r\n")),
        Case::rejected("a size over 63 bits", chunks("fffffffffffffff3\r\nabc\r\n0\r\n\r\n")),
        Case::rejected("no size", chunks("\r\nabc\r\n0\r\n\r\n")),
        Case::rejected("more than the size", chunks("2\r\nabc\r\n0\r\n\r\n")),
        Case::rejected("less than the size", chunks("5\r\nabc\r\n0\r\n\r\n")),
        Case::either("line feeds alone", chunks("3\nabc\n0\n\n"), abc),
        Case::either("trailers", chunks("3\r\nabc\r\n0\r\nContent-Length: 9\r\nX-Trailer: t\r\n\r\n"), abc)
            .header("content-length", &["", "3"])
            .header("x-trailer", &[""]),
        Case::seen(
            "a request in a chunk",
            request(
                "POST /a",
                "Transfer-Encoding: chunked\r\n",
                &format!("{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len()),
            ),
            &[&format!("POST /a {SMUGGLED}")],
        ),
    ]
}
