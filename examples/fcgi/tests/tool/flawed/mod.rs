//! Every rule can be broken: `fcgi check` against an application that has one flaw at a time.

mod application;

use libtest_mimic::Trial;
use test_support::{Result, trial};

use self::application::{Application, Flaw};
use crate::run::fcgi;

/// A flaw, and the rules that find it. The flaws of the applications in `peers` are not here again.
const FLAWS: &[(Flaw, &[&str])] = &[
    (Flaw::ForgetsWhatItHasAnswered, &["early-then-close", "early-no-end"]),
    (Flaw::LowByteOfId, &["ids"]),
    (Flaw::ShortEndRequest, &["answer"]),
    (Flaw::Overloaded, &["answer"]),
    (Flaw::NoHead, &["head"]),
    (Flaw::LeavesStderrOpen, &["stderr-end"]),
    (Flaw::GoesOnAfterTheEnd, &["nothing-after-end"]),
    (Flaw::Closes, &["keep", "close-later"]),
    (Flaw::NeverCloses, &["close", "close-later"]),
    (Flaw::LosesAByte, &["body-bytes", "body-full-records", "body-large"]),
    (Flaw::WantsABody, &["body-none"]),
    (Flaw::IgnoresAbort, &["abort"]),
    (Flaw::WantsStdinOfAnAuthorizer, &["authorizer"]),
    (Flaw::IgnoresFilters, &["filter"]),
    (Flaw::WantsWholeRecords, &["byte-by-byte"]),
    (Flaw::LooksAtReservedBytes, &["reserved"]),
    (Flaw::RefusesPadding, &["padding", "padding-begin"]),
    (Flaw::RefusesLongLengths, &["params-lengths"]),
    (Flaw::RefusesEmptyValues, &["params-empty"]),
];

pub(crate) fn trials() -> Vec<Trial> {
    let flawed = FLAWS.iter().map(|(flaw, rules)| trial(&format!("flawed/{flaw:?}"), || finds(*flaw, rules)));
    let sound = trial("flawed/none_is_found_where_there_is_none", sound);
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
