//! Decodes a request from meta-variables. Each line of the input is a variable: `NAME=value`.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Request, Response};
use tower_fcgi::{Params, RequestBody};

use super::exchange::exchange;
use super::records::{CLOSE, begin, end_params, end_stdin, record};
use super::responses::Answers;

type Pair<'a> = (&'a [u8], &'a [u8]);

pub(crate) fn run(data: &[u8]) {
    let lines = data[..data.len().min(30_000)].split(|byte| *byte == b'\n');
    let pairs: Vec<Pair<'_>> = lines.filter_map(split).collect();
    let mut params = Vec::new();
    for (name, value) in &pairs {
        fcgi_core::encode_pair(&mut params, name, value);
    }
    let params = if params.is_empty() { vec![] } else { record(fcgi_core::RecordType::PARAMS, 1, &params) };
    let input = [begin(1, CLOSE), params, end_params(1), end_stdin(1)].concat();
    let called = Arc::new(AtomicBool::new(false));
    let sent: Arc<[_]> = pairs.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    let is_called = Arc::clone(&called);
    let service = tower::service_fn(move |request: Request<RequestBody>| {
        is_called.store(true, Ordering::Relaxed);
        check(&request, &sent.iter().map(|(name, value)| (&name[..], &value[..])).collect::<Vec<_>>());
        async { Ok::<_, Infallible>(Response::new(String::from("served"))) }
    });
    let (ended, output) = exchange(&input, service);
    let called = called.load(Ordering::Relaxed);
    ended.unwrap();
    let answers = Answers::parse(&output);
    let answer = answers.of(1);
    assert!(answer.is_whole() && !answers.torn, "{answer:?}");
    assert_eq!(called, answer.status() == 200, "{answer:?}");
    assert!(called || [400, 414, 431].contains(&answer.status()), "{answer:?}");
}

fn split(line: &[u8]) -> Option<Pair<'_>> {
    let at = line.iter().position(|byte| *byte == b'=')?;
    Some((&line[..at], &line[at + 1..]))
}

fn check(request: &Request<RequestBody>, pairs: &[Pair<'_>]) {
    let last = |name: &[u8]| pairs.iter().rev().find(|(other, _)| *other == name).map(|(_, value)| *value);
    let params = request.extensions().get::<Params>().unwrap();
    assert!(params.iter().eq(pairs.iter().copied()), "the variables as sent, in order");
    assert_eq!(Some(request.method().as_str().as_bytes()), last(b"REQUEST_METHOD"));
    let uri = request.uri();
    assert!(uri.scheme().is_none() && uri.authority().is_none());
    if uri.path() != "*" {
        let paths = decided(&last);
        let found = [decode(uri.path().as_bytes(), false), decode(uri.path().as_bytes(), true)];
        assert!(found.iter().any(|path| paths.contains(&merge(path))), "{uri} is not in {paths:?}");
        let mut segments = found[1].split(|byte| *byte == b'/');
        assert!(!segments.any(|segment| [&b"."[..], b".."].contains(&segment)), "{uri}");
    }
    for (name, value) in request.headers() {
        assert!(value.as_bytes().iter().all(|byte| *byte == b'\t' || !byte.is_ascii_control()));
        match name.as_str() {
            "content-type" => {
                let first = pairs.iter().find(|(name, value)| *name == b"CONTENT_TYPE" && !value.is_empty());
                assert_eq!(Some(value.as_bytes()), first.map(|(_, value)| trim(value)));
            }
            "content-length" => assert_eq!(Some(value.as_bytes()), last(b"CONTENT_LENGTH").map(trim)),
            "expect" | "keep-alive" | "proxy" | "proxy-connection" | "te" | "transfer-encoding" => {
                panic!("{name} must not be a header")
            }
            name => {
                let is_it = |pair: &&Pair<'_>| header(pair.0).is_some_and(|header| header == name);
                let mut sent: Vec<_> = pairs.iter().filter(is_it).map(|(_, value)| trim(value)).collect();
                if ["host", "authorization"].contains(&name) {
                    sent.drain(..sent.len() - 1);
                }
                let all = request.headers().get_all(name).iter();
                assert!(all.map(http::HeaderValue::as_bytes).eq(sent), "{name}: all values, in order");
            }
        }
    }
}

/// RFC 9110 §5.5: without the spaces and tabs around it.
fn trim(value: &[u8]) -> &[u8] {
    let is_content = |byte: &u8| !b" \t".contains(byte);
    let Some(first) = value.iter().position(is_content) else { return b"" };
    let last = value.iter().rposition(is_content).unwrap_or(first);
    &value[first..=last]
}

/// The paths that the web server may have chosen, with `//` merged.
fn decided<'a>(last: &impl Fn(&[u8]) -> Option<&'a [u8]>) -> Vec<Vec<u8>> {
    let value = |name: &[u8]| last(name).unwrap_or_default();
    let (script, info, document) = (value(b"SCRIPT_NAME"), last(b"PATH_INFO"), last(b"DOCUMENT_URI"));
    let info_or_none = info.unwrap_or_default();
    let mut paths = vec![[script, info_or_none].concat()];
    if value(b"SERVER_PROTOCOL") == b"INCLUDED" {
        paths.push(script.to_vec());
    }
    paths.extend(document.map(|path| if path.is_empty() { info_or_none } else { path }.to_vec()));
    if script.is_empty() && info.is_none() {
        // REQUEST_URI alone: any path.
        let sent = value(b"REQUEST_URI");
        let path = |sent: &[u8]| sent.split(|byte| b"?#".contains(byte)).next().unwrap_or_default().to_vec();
        let authority = sent.windows(3).position(|window| window == b"://").map_or(0, |at| at + 3);
        let after = sent[authority..]
            .iter()
            .position(|byte| b"/?#".contains(byte))
            .map_or(sent.len(), |at| authority + at);
        paths.extend([path(sent), path(&sent[after..])].map(|path| decode(&path, false)));
    }
    let rooted = |path: Vec<u8>| if path.starts_with(b"/") { path } else { [b"/", &*path].concat() };
    paths.into_iter().map(|path| merge(&rooted(path))).collect()
}

fn merge(path: &[u8]) -> Vec<u8> {
    let mut merged = path.to_vec();
    merged.dedup_by(|next, byte| *next == b'/' && *byte == b'/');
    merged
}

fn decode(path: &[u8], keeps_slash: bool) -> Vec<u8> {
    let hex = |digit: &u8| char::from(*digit).to_digit(16);
    let (mut decoded, mut rest) = (Vec::new(), path);
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let digits = after.first().and_then(hex).zip(after.get(1).and_then(hex));
        match digits.filter(|digits| *byte == b'%' && !(keeps_slash && *digits == (2, 15))) {
            Some((high, low)) => {
                decoded.push(u8::try_from(high << 4 | low).unwrap());
                rest = &after[2..];
            }
            None => decoded.push(*byte),
        }
    }
    decoded
}

/// The header that a variable becomes.
fn header(variable: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(variable.strip_prefix(b"HTTP_")?).ok()?;
    Some(name.to_ascii_lowercase().replace('_', "-"))
}
