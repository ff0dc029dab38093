//! Meta-variables to a request. A line of the input is a variable: `NAME=value`.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Request, Response};
use tower_fcgi::{Params, RequestBody};

use super::answers::Answers;
use super::exchange::exchange;
use super::records::{CLOSE, begin, end_params, end_stdin, record};

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
    assert!(params.iter().eq(pairs.iter().copied()), "what was sent, in its order");
    assert_eq!(Some(request.method().as_str().as_bytes()), last(b"REQUEST_METHOD"));
    if let Some(target) = last(b"REQUEST_URI")
        && target.starts_with(b"/")
    {
        let target = target.split(|byte| *byte == b'#').next().unwrap();
        let uri = request.uri();
        assert_eq!(uri.path_and_query().unwrap().as_str().as_bytes(), target);
        assert!(uri.scheme().is_none() && uri.authority().is_none());
    }
    for (name, value) in request.headers() {
        assert!(value.as_bytes().iter().all(|byte| *byte == b'\t' || !byte.is_ascii_control()));
        match name.as_str() {
            "content-type" => assert_eq!(Some(value.as_bytes()), last(b"CONTENT_TYPE")),
            "content-length" => assert_eq!(Some(value.as_bytes()), last(b"CONTENT_LENGTH")),
            "proxy" | "transfer-encoding" => panic!("{name} is never one"),
            name => {
                let is_it = |pair: &&Pair<'_>| header(pair.0).is_some_and(|header| header == name);
                let sent = pairs.iter().filter(is_it).map(|(_, value)| *value);
                let all = request.headers().get_all(name).iter();
                assert!(all.map(http::HeaderValue::as_bytes).eq(sent), "{name}: all of them, in their order");
            }
        }
    }
}

/// The header that a variable is.
fn header(variable: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(variable.strip_prefix(b"HTTP_")?).ok()?;
    Some(name.to_ascii_lowercase().replace('_', "-"))
}
