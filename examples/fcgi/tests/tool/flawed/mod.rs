//! Runs `fcgi check` against an application with one flaw at a time: each rule can fail.

mod application;

use libtest_mimic::Trial;
use test_support::{Result, trial};

use self::application::{Application, Flaw};
use crate::run::fcgi;

/// Flaws, each with the rules that find it. The flaws of the applications in `peers` are not repeated here.
const FLAWS: &[(Flaw, &[&str])] = &[
    (Flaw::ForgetsAnsweredRequests, &["early-then-close", "early-no-end"]),
    (Flaw::LowByteOfId, &["ids"]),
    (Flaw::ShortEndRequest, &["answer"]),
    (Flaw::Overloaded, &["answer"]),
    (Flaw::NoHead, &["head"]),
    (Flaw::LeavesStderrOpen, &["stderr-end"]),
    (Flaw::WritesAfterEndRequest, &["nothing-after-end"]),
    (Flaw::Closes, &["keep", "close-later"]),
    (Flaw::NeverCloses, &["close", "close-later"]),
    (Flaw::DropsLastByte, &["body-bytes", "body-full-records", "body-large"]),
    (Flaw::NeedsBody, &["body-none"]),
    (Flaw::IgnoresAbort, &["abort"]),
    (Flaw::WaitsForAuthorizerStdin, &["authorizer"]),
    (Flaw::IgnoresFilters, &["filter"]),
    (Flaw::NeedsCompleteReads, &["byte-by-byte"]),
    (Flaw::RejectsReservedBytes, &["reserved"]),
    (Flaw::RejectsPadding, &["padding", "padding-begin"]),
    (Flaw::RejectsLongLengths, &["params-lengths"]),
    (Flaw::RejectsEmptyValues, &["params-empty"]),
];

pub(crate) fn trials() -> Vec<Trial> {
    let flawed = FLAWS.iter().map(|(flaw, rules)| trial(&format!("flawed/{flaw:?}"), || finds(*flaw, rules)));
    let sound = trial("flawed/no_fault_without_a_flaw", sound);
    flawed.chain([sound]).collect()
}

fn check(application: &Application, rule: &str, seconds: &str) -> Result<(String, String)> {
    let arguments =
        ["check", &application.address, "--echo", "/echo", "--json", "--timeout", seconds, "--only", rule];
    let report = fcgi(&arguments)?.json()?;
    let rules = report["rules"].as_array().ok_or("no rules")?;
    let found = rules.iter().find(|found| found["name"] == rule).ok_or("no such rule")?;
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    Ok((text("verdict"), text("seen")))
}

fn finds(flaw: Flaw, rules: &[&str]) -> Result {
    let application = Application::start(flaw)?;
    for rule in rules {
        let (verdict, seen) = check(&application, rule, "1")?;
        assert_eq!(verdict, "fail", "{rule}: {seen}");
    }
    Ok(())
}

fn sound() -> Result {
    let application = Application::start(Flaw::None)?;
    for rule in FLAWS.iter().flat_map(|(_, rules)| *rules) {
        let (verdict, seen) = check(&application, rule, "60")?;
        assert_eq!(verdict, "pass", "{rule}: {seen}");
    }
    Ok(())
}
