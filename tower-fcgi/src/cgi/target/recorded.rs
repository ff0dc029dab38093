//! Compares all recorded requests with those received over HTTP: see `tests/target/README.md`.

use std::collections::BTreeMap;
use std::io::Read as _;

use fcgi_core::{Params, Role};
use flate2::read::GzDecoder;
use percent_encoding::percent_decode;
use serde_json::Value;

use super::tests::{RULE, target_of};
use super::{OwnProgram, encode, path};
use crate::cgi::request_target::{RequestTarget, TargetSettings};

/// The lines of the recording.
fn recorded() -> Vec<Value> {
    let packed = include_bytes!("../../../tests/target/recorded.jsonl.gz");
    let mut text = String::new();
    GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A recorded text has a character for each byte.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|byte| u8::try_from(u32::from(byte)).unwrap()).collect()
}

/// The variables of a recorded request, and whether the web server started the program itself.
fn variables(request: &Value) -> (Params, OwnProgram) {
    let pairs = request.as_object().unwrap().iter();
    let pairs = pairs.filter(|(name, _)| !["target", "own"].contains(&name.as_str()));
    let params = pairs.map(|(name, value)| (name.clone(), bytes(value.as_str().unwrap()))).collect();
    (params, if request["own"] == true { OwnProgram::Cgi } else { OwnProgram::Application })
}

/// A target without its fragment; bytes that a URI cannot have are encoded.
fn encoded(target: &str) -> String {
    if target == "*" {
        return target.to_owned();
    }
    let bytes = bytes(target.split('#').next().unwrap());
    let end = bytes.iter().position(|byte| *byte == b'?').unwrap_or(bytes.len());
    let (path, query) = bytes.split_at(end);
    let encoded = encode::client_path(path, query.get(1..));
    String::from_utf8(encoded.to_vec()).unwrap()
}

/// The decoded path with `//` merged, and the query: equal for two equivalent targets.
fn normal_form(target: &str) -> (Vec<u8>, &str) {
    let target =
        target.split_once("://").map_or(target, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    (path::merge_slashes(percent_decode(path.as_bytes())).collect(), query)
}

/// The same without dot segments (RFC 3986 §5.2.4).
fn resolved(target: &str) -> (Vec<u8>, &str) {
    let (path, query) = normal_form(target);
    let mut kept: Vec<&[u8]> = Vec::new();
    let segments: Vec<&[u8]> = path.split(|byte| *byte == b'/').skip(1).collect();
    for (at, segment) in segments.iter().enumerate() {
        let is_last = at + 1 == segments.len();
        match *segment {
            b"." | b".." => {
                if *segment == b".." {
                    kept.pop();
                }
                if is_last {
                    kept.push(b"");
                }
            }
            segment => kept.push(segment),
        }
    }
    ([b"/", &*kept.join(&b'/')].concat(), query)
}

#[test]
fn every_recorded_request_has_its_target() {
    let mut requests = 0;
    let mut wrong = Vec::new();
    for line in recorded() {
        for request in line["fcgi"].as_array().unwrap() {
            let (params, program) = variables(request);
            let found = target_of(&params, &RULE, program, Role::RESPONDER);
            let expected = request["target"].as_str().map(encoded).ok_or(400);
            if found != expected {
                wrong.push(format!(
                    "{found:?} for {expected:?}: {} {} {request}",
                    line["server"], line["config"]
                ));
            }
            requests += 1;
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert_eq!(requests, 18_871);
}

/// The figures are those of `tests/target/README.md`; a change of the rule changes them.
#[test]
fn recorded_targets_beside_those_of_http() {
    let mut decided = BTreeMap::new();
    let mut as_sent = BTreeMap::new();
    let settings = TargetSettings { target: RequestTarget::RequestUri, ..Default::default() };
    for line in recorded() {
        let Some(http) = line["http"].as_array() else { continue };
        for (request, http) in line["fcgi"].as_array().unwrap().iter().zip(http) {
            let http = encoded(http.as_str().unwrap());
            let (params, program) = variables(request);
            for (settings, counts) in [(&*RULE, &mut decided), (&settings, &mut as_sent)] {
                let class = match target_of(&params, settings, program, Role::RESPONDER) {
                    Err(status) => format!("{status}"),
                    Ok(found) if found == http => "the same".to_owned(),
                    Ok(found) if normal_form(&found) == normal_form(&http) => "another spelling".to_owned(),
                    Ok(found) if resolved(&found) == resolved(&http) => "resolved".to_owned(),
                    Ok(_) => "another target".to_owned(),
                };
                *counts.entry(class).or_insert(0) += 1;
            }
        }
    }
    let counts = |counts: BTreeMap<String, u32>| counts.into_iter().collect::<Vec<_>>();
    let expected =
        |pairs: &[(&str, u32)]| pairs.iter().map(|(k, n)| ((*k).to_owned(), *n)).collect::<Vec<_>>();
    let figures = [
        ("400", 708),
        ("another spelling", 940),
        ("another target", 1334),
        ("resolved", 855),
        ("the same", 12_063),
    ];
    assert_eq!(counts(decided), expected(&figures));
    let figures =
        [("another spelling", 829), ("another target", 5636), ("resolved", 789), ("the same", 8646)];
    assert_eq!(counts(as_sent), expected(&figures));
}
