//! `fcgi dump` of captures.

use std::fs;

use fcgi_core::{
    BeginRequest, EndRequest, ProtocolStatus, RecordEncoder, RecordType, RequestId, Role, encode_pair,
};
use libtest_mimic::Trial;
use serde_json::Value;
use tempfile::TempDir;
use test_support::{Result, trial};

use crate::run::{fcgi, fcgi_with};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("dump/a_capture", capture),
        trial("dump/as_json", json),
        trial("dump/filters", filters),
        trial("dump/colours", colours),
        trial("dump/an_invalid_capture", invalid),
    ]
}

/// A request and its response.
fn bytes() -> Vec<u8> {
    let (mut out, id) = (RecordEncoder::new(), RequestId(7));
    let mut pairs = Vec::new();
    encode_pair(&mut pairs, b"REQUEST_METHOD", b"POST");
    encode_pair(&mut pairs, b"QUERY_STRING", b"");
    out.write_record(
        RecordType::BEGIN_REQUEST,
        id,
        &BeginRequest { role: Role::RESPONDER, keep_conn: true }.encode(),
    );
    out.write_record(RecordType::PARAMS, id, &pairs[..5]);
    out.write_record(RecordType::PARAMS, id, &pairs[5..]);
    out.write_stream_end(RecordType::PARAMS, id);
    out.write_stream(RecordType::STDIN, id, &b"0123456789".repeat(20));
    out.write_stream_end(RecordType::STDIN, id);
    out.write_stream(RecordType::STDERR, id, b"a line\n");
    out.write_stream(RecordType::STDOUT, id, b"Status: 200 OK\r\n\r\n\xff");
    out.write_stream_end(RecordType::STDOUT, id);
    let end = EndRequest { app_status: 3, protocol_status: ProtocolStatus::REQUEST_COMPLETE };
    out.write_record(RecordType::END_REQUEST, id, &end.encode());
    out.slices().collect::<Vec<_>>().concat()
}

fn capture() -> Result {
    let directory = TempDir::new()?;
    let path = directory.path().join("capture.bin");
    fs::write(&path, bytes())?;
    let ran = fcgi(&["dump", &path.display().to_string(), "--bytes", "10"])?.exits(0)?;
    let expected = "\
→ BEGIN_REQUEST id 7, RESPONDER, KEEP_CONN
→ PARAMS id 7, 5 bytes, the last 5 are an incomplete pair
→ PARAMS id 7, 29 bytes
        \"REQUEST_METHOD\" = \"POST\"
        \"QUERY_STRING\" = \"\"
→ PARAMS id 7, end of stream
→ STDIN id 7, 200 bytes: \"0123456789\"…
→ STDIN id 7, end of stream
← STDERR id 7, 7 bytes: \"a line\\n\"
← STDOUT id 7, 19 bytes: \"Status: 20\"…
← STDOUT id 7, end of stream
← END_REQUEST id 7, REQUEST_COMPLETE, application status 3
";
    assert_eq!(ran.stdout, expected);
    assert_eq!(fcgi_with(&["dump", "-", "--bytes", "10"], bytes())?.exits(0)?.stdout, expected);
    Ok(())
}

fn json() -> Result {
    let records = fcgi_with(&["dump", "-", "--json"], bytes())?.exits(0)?.json_lines()?;
    let kinds: Vec<_> = records.iter().map(|record| record["type"].as_str().unwrap_or("none")).collect();
    let expected = "BEGIN_REQUEST PARAMS PARAMS PARAMS STDIN STDIN STDERR STDOUT STDOUT END_REQUEST";
    assert_eq!(kinds.join(" "), expected);
    assert_eq!(records[2]["pairs"][0], serde_json::json!(["REQUEST_METHOD", "POST"]));
    assert_eq!((&records[4]["content_length"], &records[9]["app_status"]), (&200.into(), &3.into()));
    Ok(())
}

fn filters() -> Result {
    let kinds = |arguments: &[&str]| -> Result<Vec<Value>> {
        let arguments = [&["dump", "-", "--json"], arguments].concat();
        Ok(fcgi_with(&arguments, bytes())?
            .exits(0)?
            .json_lines()?
            .iter()
            .map(|record| record["type"].clone())
            .collect())
    };
    assert_eq!(kinds(&["--type", "stderr,3"])?, ["STDERR", "END_REQUEST"]);
    assert_eq!(kinds(&["--id", "7", "--type", "BEGIN_REQUEST"])?, ["BEGIN_REQUEST"]);
    assert!(kinds(&["--id", "1,2"])?.is_empty());
    fcgi(&["dump", "-", "--type", "STDIO"])?.exits(2)?;
    Ok(())
}

fn colours() -> Result {
    assert!(!fcgi_with(&["dump", "-"], bytes())?.stdout.contains('\x1b'), "colours in a pipe");
    assert!(fcgi_with(&["dump", "-", "--color", "always"], bytes())?.stdout.contains('\x1b'));
    Ok(())
}

fn invalid() -> Result {
    let cut = fcgi_with(&["dump", "-"], bytes()[..100].to_vec())?.exits(1)?;
    assert!(
        cut.stdout.ends_with("STDIN id 7, incomplete: 182 bytes of its content are missing\n"),
        "{}",
        cut.stdout
    );
    let other = fcgi_with(&["dump", "-"], b"GET / HTTP/1.1\r\n\r\n".to_vec())?.exits(1)?;
    assert!(
        other.stdout.contains("invalid record at byte 0") && other.stdout.contains("GET / HTTP"),
        "{}",
        other.stdout
    );
    fcgi(&["dump", "/nowhere/capture"])?.exits(1)?;
    Ok(())
}
