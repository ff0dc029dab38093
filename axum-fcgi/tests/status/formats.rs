//! The formats, and the headers.

use libtest_mimic::Trial;
use test_support::{Result, ask, trial};

use crate::site::Site;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("accept_or_the_query_chooses_the_format", chosen),
        trial("an_unknown_query_is_a_400", unknown),
        trial("the_page_is_not_stored_and_runs_no_script", headers),
    ]
}

const HTML: &str = "text/html; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

fn chosen() -> Result {
    let site = Site::start(1)?;
    for (query, accept, content_type, beginning) in [
        ("", "*/*", OPENMETRICS, "# HELP fcgi_"),
        ("", "text/plain;version=0.0.4", OPENMETRICS, "# HELP fcgi_"),
        ("", "text/html,*/*;q=0.8", HTML, "<!DOCTYPE html>"),
        ("", "application/json", "application/json", "{"),
        ("?html", "application/json", HTML, "<!DOCTYPE html>"),
        ("?full&json", "text/html", "application/json", "{"),
        ("?openmetrics", "text/html", OPENMETRICS, "# HELP fcgi_"),
    ] {
        let answer = ask(site.port, "GET", &format!("/{query}"), &format!("Accept: {accept}\r\n"), "")?;
        assert_eq!(answer.status, 200, "{query} {accept}");
        let head = answer.head.to_lowercase();
        assert!(head.contains(&format!("\r\ncontent-type: {content_type}\r\n")), "{query} {accept}: {head}");
        assert!(answer.body.starts_with(beginning), "{query} {accept}: {}", answer.body);
    }
    Ok(())
}

fn unknown() -> Result {
    let site = Site::start(1)?;
    for query in ["xml", "full=1", "json&%22b"] {
        let answer = site.page(query)?;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.body.starts_with("unknown query") && answer.head.contains("text/plain"), "{answer:?}");
    }
    Ok(())
}

fn headers() -> Result {
    let site = Site::start(1)?;
    for query in ["html", "json", "openmetrics"] {
        let [get, head] = ["GET", "HEAD"].map(|method| ask(site.port, method, &format!("/?{query}"), "", ""));
        let (get, head) = (get?, head?);
        assert_eq!((get.status, head.status, &*head.body), (200, 200, ""), "{query}");
        for (method, head) in [("GET", get.head), ("HEAD", head.head)] {
            for header in [
                "cache-control: no-store",
                "vary: accept",
                "content-security-policy: default-src 'none'; ",
                "x-content-type-options: nosniff",
            ] {
                assert!(head.contains(&format!("\r\n{header}")), "{method} {query}: no {header} in {head}");
            }
        }
    }
    Ok(())
}
