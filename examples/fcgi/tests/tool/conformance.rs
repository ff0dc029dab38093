//! `fcgi check` of this workspace's server and of other applications.

use std::collections::BTreeSet;
use std::env;

use libtest_mimic::{Completion, Trial};
use serde_json::Value;
use test_support::{Result, trial};

use crate::peers::{OTHERS, OURS, Peer};
use crate::run::fcgi;
use crate::table;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("check/ours_passes_all", ours),
        trial("check/prints_lines", lines),
        trial("check/lists_its_rules", list),
    ];
    trials.extend(OTHERS.iter().map(others));
    trials
}

/// Runs `fcgi check` with a timeout of `seconds`. Checks the exit code and returns the rules of the JSON report.
pub(crate) fn check(peer: &Peer, seconds: &str) -> Result<Vec<Value>> {
    let started = (peer.start)()?;
    let arguments: Vec<_> = started.arguments.iter().map(String::as_str).collect();
    let ran = fcgi(&[&["check", "--json", "--timeout", seconds], &arguments[..]].concat())?;
    let report = ran.json()?;
    let ran = ran.exits(if report["broken"] == 0 { 0 } else { 1 })?;
    drop(ran);
    Ok(report["rules"].as_array().ok_or("no rules")?.clone())
}

fn ours() -> Result {
    // Expected events come at once; only a very slow machine needs the timeout.
    let rules = check(&OURS, "60")?;
    let with_verdict = |verdict: &str| {
        rules
            .iter()
            .filter(|rule| rule["verdict"] == verdict)
            .map(|rule| rule["name"].as_str())
            .collect::<Vec<_>>()
    };
    assert!(
        with_verdict("fail").is_empty(),
        "{:#?}",
        rules.iter().filter(|rule| rule["verdict"] == "fail").collect::<Vec<_>>()
    );
    assert!(with_verdict("skipped").is_empty(), "{rules:#?}");
    // The application is only a Responder and writes no STDERR. The result of half-close depends on timing.
    let not_applicable: Vec<_> =
        with_verdict("n/a").into_iter().flatten().filter(|name| *name != "half-close").collect();
    assert_eq!(not_applicable, ["stderr-end", "authorizer", "filter"]);
    Ok(())
}

fn lines() -> Result {
    let started = (OURS.start)()?;
    let ran =
        fcgi(&["check", &started.arguments[0], "--only", "keep", "--only", "body-short", "--timeout", "60"])?
            .exits(0)?;
    assert!(ran.stdout.starts_with("pass    §5.1, §3.5"), "{}", ran.stdout);
    assert!(ran.stdout.contains("1 pass, 0 FAIL, 0 n/a, 1 skipped"), "{}", ran.stdout);
    Ok(())
}

fn list() -> Result {
    let listed = fcgi(&["check", "--list"])?.exits(0)?.stdout;
    let names: BTreeSet<_> = listed.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names.len(), listed.lines().count(), "names are not unique");
    let known = OTHERS.iter().flat_map(|peer| peer.faults);
    for fault in known {
        assert!(names.contains(fault), "no rule has the name {fault}");
    }
    Ok(())
}

/// Each application has at least its known faults. A version that is not in the table may have fewer; with `CI=true` this
/// fails, and the table must be updated.
fn others(peer: &'static Peer) -> Trial {
    let must_run = env::var("CI").is_ok_and(|ci| ci == "true");
    Trial::ignorable_test(format!("check/{}", peer.name), move || match (peer.find)() {
        Err(missing) if must_run => Err(format!("{missing}, and CI=true").into()),
        Err(missing) => Ok(Completion::ignored_with(missing)),
        Ok(version) => match faults(peer) {
            Ok(()) => Ok(Completion::Completed),
            Err(error) if !must_run && !table::has(peer.name, &version) => {
                Ok(Completion::ignored_with(format!("version {version} is not in the table: {error}")))
            }
            Err(error) => Err(error.to_string().into()),
        },
    })
}

fn faults(peer: &Peer) -> Result {
    let rules = check(peer, "5")?;
    for fault in peer.faults {
        let found = rules.iter().find(|rule| rule["name"] == *fault).ok_or("no such rule")?;
        if found["verdict"] != "fail" {
            return Err(format!("the rule {fault} is not broken: {found}").into());
        }
    }
    Ok(())
}
