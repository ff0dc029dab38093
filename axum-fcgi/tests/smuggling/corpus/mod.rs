//! The table.

mod bodies;
mod chunks;
mod headers;
mod targets;

use crate::case::Case;

pub(crate) fn all() -> Vec<Case> {
    [bodies::cases(), chunks::cases(), headers::cases(), targets::cases()].into_iter().flatten().collect()
}

/// A request. `headers` are lines with their ends; `rest` follows the empty line.
fn request(line: &str, headers: &str, rest: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: h\r\n{headers}\r\n{rest}")
}

fn get(target: &str, headers: &str) -> String {
    request(&format!("GET {target}"), headers, "")
}

fn post(headers: &str, rest: &str) -> String {
    request("POST /a", headers, rest)
}

/// A parser for which the body before it ends earlier sees this as a request.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
