//! Encodes a browser's request as a web server forwards it.

use std::iter;

use crate::{
    application::Protocol,
    headers::{self, Headers},
    work::Work,
};

const BODY_TYPE: &str = "application/octet-stream";
/// The most that nginx puts into one STDIN record.
const MAX_STDIN_CONTENT: usize = 32 * 1024;

// FastCGI §8.
const VERSION: u8 = 1;
const BEGIN_REQUEST: u8 = 1;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
const RESPONDER: u8 = 1;
const KEEP_CONN: u8 = 1;

/// Encodes the requests of a connection, one per slot.
pub(crate) fn encode_all(work: &Work, protocol: Protocol, variant: usize) -> Vec<Vec<u8>> {
    let headers = headers::of_browser(if work.varied { variant } else { 0 });
    match protocol {
        Protocol::FastCgi => {
            (1..).take(work.in_flight).map(|id| encode_fastcgi(work, &headers, id)).collect()
        }
        Protocol::Http => iter::repeat_with(|| encode_http(work, &headers)).take(work.in_flight).collect(),
    }
}

/// Encodes a FastCGI request with nginx's `fastcgi_params`.
fn encode_fastcgi(work: &Work, headers: &Headers, id: u16) -> Vec<u8> {
    let (script, query) = work.path.split_once('?').unwrap_or((work.path, ""));
    let (content_type, length) =
        if work.up > 0 { (BODY_TYPE, work.up.to_string()) } else { ("", String::new()) };
    let mut params = Vec::new();
    for (name, value) in [
        ("QUERY_STRING", query),
        ("REQUEST_METHOD", method(work)),
        ("CONTENT_TYPE", content_type),
        ("CONTENT_LENGTH", &length),
        ("SCRIPT_NAME", script),
        ("REQUEST_URI", work.path),
        ("DOCUMENT_URI", script),
        ("DOCUMENT_ROOT", "/usr/share/nginx/html"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("REQUEST_SCHEME", "https"),
        ("HTTPS", "on"),
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("SERVER_SOFTWARE", "nginx/1.22.1"),
        ("REMOTE_ADDR", "192.0.2.17"),
        ("REMOTE_PORT", "50714"),
        ("SERVER_ADDR", "192.0.2.1"),
        ("SERVER_PORT", "443"),
        ("SERVER_NAME", "shop.example.org"),
        ("REDIRECT_STATUS", "200"),
    ] {
        write_pair(&mut params, name, value);
    }
    for (name, value) in headers {
        write_pair(&mut params, &format!("HTTP_{}", name.to_uppercase().replace('-', "_")), value);
    }

    let mut wire = Vec::new();
    let flags = if work.keep_alive { KEEP_CONN } else { 0 };
    write_record(&mut wire, BEGIN_REQUEST, id, &[0, RESPONDER, flags, 0, 0, 0, 0, 0]);
    write_record(&mut wire, PARAMS, id, &params);
    write_record(&mut wire, PARAMS, id, &[]);
    for content in vec![b'x'; work.up].chunks(MAX_STDIN_CONTENT) {
        write_record(&mut wire, STDIN, id, content);
    }
    write_record(&mut wire, STDIN, id, &[]);
    wire
}

/// Encodes an HTTP request with the headers that identify the client behind a proxy.
fn encode_http(work: &Work, headers: &Headers) -> Vec<u8> {
    let mut head = format!("{} {} HTTP/1.1\r\n", method(work), work.path);
    let mut header = |name: &str, value: &str| {
        head.extend([name, ": ", value, "\r\n"]);
    };
    for (name, value) in headers {
        header(name, value);
    }
    header("x-forwarded-for", "192.0.2.17");
    header("x-forwarded-proto", "https");
    if work.up > 0 {
        header("content-type", BODY_TYPE);
        header("content-length", &work.up.to_string());
    }
    if !work.keep_alive {
        header("connection", "close");
    }
    head.push_str("\r\n");
    let mut wire = head.into_bytes();
    wire.resize(wire.len() + work.up, b'x');
    wire
}

const fn method(work: &Work) -> &'static str {
    if work.up > 0 { "POST" } else { "GET" }
}

/// Writes a record (FastCGI §3.3), padded as by nginx.
fn write_record(wire: &mut Vec<u8>, kind: u8, id: u16, content: &[u8]) {
    let length = u16::try_from(content.len()).unwrap_or_else(|_| unreachable!("content fits in one record"));
    let padding = (8 - length % 8) % 8;
    wire.extend([VERSION, kind]);
    wire.extend(id.to_be_bytes());
    wire.extend(length.to_be_bytes());
    wire.extend([padding as u8, 0]);
    wire.extend(content);
    wire.resize(wire.len() + usize::from(padding), 0);
}

/// Writes a name-value pair (FastCGI §3.4).
fn write_pair(params: &mut Vec<u8>, name: &str, value: &str) {
    for length in [name.len(), value.len()] {
        match u8::try_from(length) {
            Ok(short @ 0..128) => params.push(short),
            _ => params.extend((length as u32 | 1 << 31).to_be_bytes()),
        }
    }
    params.extend(name.bytes());
    params.extend(value.bytes());
}
