//! Encodes a response to a CGI head, and parses that. The input: two bytes of status, one for the kind of request, header
//! lines (`name: value`), an empty line, the body.

use std::convert::Infallible;

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower_fcgi::RequestBody;

use super::exchange::exchange;
use super::records::{CLOSE, end_stdin, head};
use super::responses::{Answer, Answers};

pub(crate) fn run(data: &[u8]) {
    let Some(([high, low, flags], rest)) = data.split_first_chunk() else { return };
    let Ok(status) = StatusCode::from_u16(100 + u16::from_be_bytes([*high, *low]) % 900) else { return };
    let rest = &rest[..rest.len().min(30_000)];
    let end = rest.windows(2).position(|window| window == b"\n\n").unwrap_or(rest.len());
    let mut headers = HeaderMap::new();
    for line in rest[..end].split(|byte| *byte == b'\n') {
        if let Some((name, value)) = header(line) {
            headers.append(name, value);
        }
    }
    let body = rest.get(end + 2..).unwrap_or_default();
    let method = if flags & 1 != 0 { "HEAD" } else { "GET" };
    let input = [head(1, CLOSE, method, "/", &[]), end_stdin(1)].concat();
    let (content, sent) = (bytes::Bytes::copy_from_slice(body), headers.clone());
    let service = tower::service_fn(move |_: Request<RequestBody>| {
        let mut response = Response::new(Full::new(content.clone()));
        *response.status_mut() = status;
        *response.headers_mut() = sent.clone();
        async { Ok::<_, Infallible>(response) }
    });
    let (ended, output) = exchange(&input, service);
    let answers = Answers::parse(&output);
    let answer = answers.of(1);
    assert!(!answers.torn);
    assert_eq!(ended.is_ok(), answer.is_whole(), "{ended:?} {answer:?}");
    check(answer, status, &headers, method, body);
}

fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let at = line.iter().position(|byte| *byte == b':')?;
    let value = line[at + 1..].trim_ascii();
    Some((HeaderName::from_bytes(&line[..at]).ok()?, HeaderValue::from_bytes(value).ok()?))
}

fn check(answer: &Answer, status: StatusCode, headers: &HeaderMap, method: &str, body: &[u8]) {
    let (told, read) = read_head(&answer.stdout);
    let lengths: Vec<_> = headers.get_all(CONTENT_LENGTH).iter().collect();
    let is_number = |value: &&&HeaderValue| {
        value.to_str().is_ok_and(|text| text.parse::<u64>().is_ok() && !text.starts_with('+'))
    };
    let one_length =
        lengths.iter().all(|length| *length == lengths[0]) && lengths.iter().all(|length| is_number(&length));
    // As in hyper, the length of an empty body is known, whatever is declared.
    let counts = status != StatusCode::NO_CONTENT && (method == "HEAD" || !body.is_empty());
    if status.is_informational() || counts && !one_length {
        assert!(told == 500 && answer.is_whole(), "not valid in CGI: {answer:?}");
        return;
    }
    let has_body = method != "HEAD" && ![204, 304].contains(&status.as_u16());
    let declared = lengths.first().filter(|_| counts);
    let declared = declared.map(|length| length.to_str().unwrap().parse::<u64>().unwrap());
    let len = body.len() as u64;
    if has_body && declared.is_some_and(|declared| declared > len) {
        assert!(told == 500 && answer.is_whole(), "the whole body is ready: {answer:?}");
        return;
    }
    assert_eq!(told, status.as_u16());
    let (length, rest): (Vec<_>, Vec<_>) = read.iter().partition(|(name, _)| name == "content-length");
    let expected = headers.iter().filter(|(name, _)| is_for_the_client(name, headers));
    let expected: Vec<_> =
        expected.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    assert!(rest.into_iter().eq(&expected), "{read:?}");
    assert!(length.len() <= 1, "{read:?}");
    let sent = &answer.stdout[answer.stdout.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4..];
    assert!(answer.is_whole(), "{answer:?}");
    if !has_body {
        return assert!(sent.is_empty());
    }
    // A longer body is cut to its Content-Length.
    let promised = declared.unwrap_or(len);
    let told_length: u64 = std::str::from_utf8(&length[0].1).unwrap().parse().unwrap();
    assert!(told_length == promised && sent == &body[..sent.len()], "{answer:?}");
    assert_eq!(sent.len() as u64, promised, "{answer:?}");
}

/// The status, and the headers after it: one line each, with a name and a value.
fn read_head(stdout: &[u8]) -> (u16, Vec<(String, Vec<u8>)>) {
    let end = stdout.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let mut lines =
        stdout[..end + 2].split_inclusive(|byte| *byte == b'\n').map(|line| &line[..line.len() - 2]);
    let status = lines.next().unwrap().strip_prefix(b"Status: ").expect("a head starts with Status");
    let status = std::str::from_utf8(&status[..3]).unwrap().parse().unwrap();
    let headers = lines.map(|line| {
        let at = line.windows(2).position(|window| window == b": ").expect("a name and a value");
        (String::from_utf8(line[..at].to_vec()).unwrap(), line[at + 2..].to_vec())
    });
    (status, headers.collect())
}

/// Excludes the headers of RFC 9110 §7.6.1, and CGI's `Status`.
fn is_for_the_client(name: &HeaderName, headers: &HeaderMap) -> bool {
    const OURS: [&str; 9] = [
        "connection",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "status",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let named =
        headers.get_all(CONNECTION).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let mut named = named.map(|option| option.trim_ascii().to_ascii_lowercase());
    !OURS.contains(&name.as_str()) && named.all(|option| option != name.as_str().as_bytes())
}
