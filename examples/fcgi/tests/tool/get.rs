//! `fcgi get`.

use std::fs;

use libtest_mimic::Trial;
use tempfile::TempDir;
use test_support::{Result, trial};

use crate::application::{Application, LARGE};
use crate::run::{fcgi, fcgi_with};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("get/prints_head_and_body", head_and_body),
        trial("get/sends_headers_and_variables", variables),
        trial("get/posts_text_a_file_and_stdin", bodies),
        trial("get/shows_stderr", stderr),
        trial("get/exits_with_1_on_5xx_and_incomplete_response", failures),
        trial("get/requests_roles", roles),
        trial("get/json", json),
        trial("get/invalid_arguments_exit_with_2", usage),
    ]
}

fn head_and_body() -> Result {
    let app = Application::start()?;
    let ran = fcgi(&["get", &app.address, "/?a=b"])?.exits(0)?;
    assert!(ran.stdout.starts_with("Status: 200 OK\r\n"), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("\r\n\r\nGET /?a=b\n"), "{}", ran.stdout);
    assert!(ran.stderr.contains("200, 10 bytes of body"), "{}", ran.stderr);
    assert!(ran.stderr.contains("REQUEST_COMPLETE, application status 0"), "{}", ran.stderr);
    let ran = fcgi(&["get", &app.address, "/", "--body-only", "-X", "DELETE", "--keep-conn"])?.exits(0)?;
    assert_eq!((&*ran.stdout, &*ran.stderr), ("DELETE /\n", ""));
    Ok(())
}

fn variables() -> Result {
    let app = Application::start()?;
    let ran = fcgi(&["get", &app.address, "/agent", "-b", "-H", "User-Agent: a: b"])?.exits(0)?;
    assert_eq!(ran.stdout, "a: b");
    let ran = fcgi(&["get", &app.address, "/", "-b", "-p", "QUERY_STRING=other"])?.exits(0)?;
    assert_eq!(ran.stdout, "GET /?other\n");
    Ok(())
}

fn bodies() -> Result {
    let app = Application::start()?;
    assert_eq!(fcgi(&["get", &app.address, "/echo", "-b", "-d", "text"])?.exits(0)?.stdout, "text");
    let (directory, large) = (TempDir::new()?, "0123456789".repeat(500_000));
    let file = directory.path().join("body");
    fs::write(&file, &large)?;
    let ran = fcgi(&["get", &app.address, "/echo", "-b", "-d", &format!("@{}", file.display())])?.exits(0)?;
    assert!(ran.stdout == large, "{} bytes", ran.stdout.len());
    // From a pipe, whose length is unknown.
    let ran =
        fcgi_with(&["get", &app.address, "/echo", "-b", "-d", "@-"], large.clone().into_bytes())?.exits(0)?;
    assert!(ran.stdout == large, "{} bytes", ran.stdout.len());
    // To a file.
    let output = directory.path().join("response");
    let ran = fcgi(&["get", &app.address, "/large", "-o", &output.display().to_string()])?.exits(0)?;
    assert_eq!((ran.stdout.len(), fs::metadata(&output)?.len()), (0, LARGE as u64));
    // The response comes before the end of the body.
    let ran = fcgi_with(&["get", &app.address, "/", "-d", "@-"], large.into_bytes())?.exits(0)?;
    assert!(ran.stdout.ends_with("POST /\n"), "{}", ran.stdout);
    Ok(())
}

fn stderr() -> Result {
    let app = Application::start()?;
    let ran = fcgi(&["get", &app.address, "/stderr"])?.exits(0)?;
    assert!(ran.stderr.contains("a line for the log"), "{}", ran.stderr);
    assert!(ran.stdout.ends_with("logged\n") && !ran.stdout.contains("a line"), "{}", ran.stdout);
    Ok(())
}

fn failures() -> Result {
    let app = Application::start()?;
    fcgi(&["get", &app.address, "/status/404"])?.exits(0)?;
    let ran = fcgi(&["get", &app.address, "/status/503"])?.exits(1)?;
    assert!(ran.stdout.ends_with("as you say\n"), "{}", ran.stdout);
    let ran = fcgi(&["get", &app.address, "/cut"])?.exits(1)?;
    assert!(ran.stdout.ends_with("half"), "{}", ran.stdout);
    assert!(ran.stderr.contains("before"), "{}", ran.stderr);
    Ok(())
}

fn roles() -> Result {
    let app = Application::start()?;
    for role in ["authorizer", "filter", "17"] {
        let ran = fcgi(&["get", &app.address, "/", "--role", role])?.exits(1)?;
        assert!(ran.stderr.contains("UNKNOWN_ROLE"), "{}", ran.stderr);
    }
    Ok(())
}

fn json() -> Result {
    let app = Application::start()?;
    let response = fcgi(&["get", &app.address, "/stderr", "--json"])?.exits(0)?.json()?;
    assert_eq!((&response["status"], &response["body"]), (&200.into(), &"logged\n".into()));
    assert_eq!(
        (&response["protocol_status"], &response["app_status"]),
        (&"REQUEST_COMPLETE".into(), &0.into())
    );
    assert!(
        response["stderr"].as_str().is_some_and(|text| text.contains("a line for the log")),
        "{response}"
    );
    let response = fcgi(&["get", &app.address, "/status/500", "--json"])?.exits(1)?.json()?;
    assert_eq!(response["headers"][0], serde_json::json!(["Status", "500 Internal Server Error"]));
    Ok(())
}

fn usage() -> Result {
    for arguments in [
        &["get", ":1", "no-slash"][..],
        &["get", ":1", "/", "-H", "no colon"],
        &["get", ":1", "/", "-p", "no equals sign"],
        &["get", ":1", "/", "--filter-data", "/dev/null"],
        &["get", ":1", "/", "--role", "authorizer", "-d", "body"],
        &["get", "systemd", "/"],
        &["get", ":1", "/", "--role", "actor"],
        &["dump"],
        &["check", ":1", "--only", "no-such-rule"],
        &["bench", ":1", "-c", "0"],
    ] {
        let ran = fcgi(arguments)?.exits(2)?;
        assert!(!ran.stderr.is_empty(), "{arguments:?}: no message");
    }
    Ok(())
}
