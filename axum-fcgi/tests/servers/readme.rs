//! The table of web servers in README and in the documentation, generated from the setups, their deviations and the versions
//! that passed.
//!
//! Each run that passes appends its versions to the file that `WEB_SERVERS_PASSED` names. After runs with
//! several generations of web servers, `WEB_SERVERS_SEEN` names this file, and README must list its versions.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::{env, io};

use libtest_mimic::{Failed, Trial};
use test_support::Version;

use crate::setup::Setup;

const BEGIN: &str = "<!-- servers: UPDATE_README=1 cargo test -p axum-fcgi --test servers -->\n";
/// The same table in the documentation of axum-fcgi, whose package does not contain the repository's README.
const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/web_servers.md");
const END: &str = "<!-- /servers -->\n";

pub(crate) fn must_update() -> bool {
    env::var_os("UPDATE_README").is_some()
}

/// README's table must be what would be generated, except for the versions: they depend on the machine.
pub(crate) fn trials(setups: &[Setup]) -> Vec<Trial> {
    let table = setups.to_vec();
    let mut trials = vec![Trial::test("readme_has_the_table", move || {
        let text = fs::read_to_string(path())?;
        let (_, found, _) = split(&text)?;
        let expected = rows(&table, |row, _| versions_in(found, row));
        if found != expected {
            return Err(format!("README.md has\n{found}\nexpected\n{expected}").into());
        }
        if fs::read_to_string(DOCS)? != for_docs(&expected) {
            return Err(format!("{DOCS} differs from README.md").into());
        }
        Ok(())
    })];
    if let Some(seen) = env::var_os("WEB_SERVERS_SEEN") {
        let setups = setups.to_vec();
        trials.push(Trial::test("readme_has_the_versions", move || {
            versions(&setups, &fs::read_to_string(&seen)?)
        }));
    }
    trials
}

/// A web server's updates change only the last number, so only the two before it are compared.
fn versions(setups: &[Setup], seen: &str) -> Result<(), Failed> {
    let text = fs::read_to_string(path())?;
    let (_, found, _) = split(&text)?;
    let series = |list: &[Version]| list.iter().map(Version::series).collect::<BTreeSet<_>>();
    for (row, setups) in lines(setups).iter().enumerate() {
        let title = setups[0].title;
        let (passed, listed) = (passed(seen, title), versions_in(found, row));
        let listed: Option<Vec<_>> = listed.split(", ").map(Version::of).collect();
        if listed.is_none_or(|listed| series(&listed) != series(&passed)) {
            let passed: Vec<_> = passed.iter().map(Version::to_string).collect();
            let hint = "with UPDATE_README=1 the table is generated again";
            return Err(format!("{title}: {} passed, README.md has others; {hint}", passed.join(", ")).into());
        }
    }
    Ok(())
}

/// The versions of a web server in the file, in order.
fn passed(seen: &str, title: &str) -> Vec<Version> {
    let lines = seen.lines().filter_map(|line| line.split_once('\t'));
    let versions = lines.filter(|(is, _)| *is == title).filter_map(|(_, version)| Version::of(version));
    versions.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Appends the versions that this run tested.
pub(crate) fn record(setups: &[Setup]) -> io::Result<()> {
    let Some(file) = env::var_os("WEB_SERVERS_PASSED") else { return Ok(()) };
    let mut file = File::options().create(true).append(true).open(file)?;
    for setup in setups.iter().filter(|setup| setup.is_wanted()) {
        if let Some(version) = setup.installed_version() {
            writeln!(file, "{}\t{version}", setup.title)?;
        }
    }
    Ok(())
}

/// Rewrites the table, with the versions in the file, or else with the installed ones.
pub(crate) fn update(setups: &[Setup]) -> io::Result<()> {
    let text = fs::read_to_string(path())?;
    let (before, _, after) = split(&text).map_err(|_| io::Error::other("README.md has no table markers"))?;
    let seen = env::var_os("WEB_SERVERS_SEEN").map(fs::read_to_string).transpose()?;
    let table = rows(setups, |_, setup| {
        let versions = match &seen {
            Some(seen) => passed(seen, setup.title),
            None => setup.installed_version().into_iter().collect(),
        };
        versions.iter().map(Version::to_string).collect::<Vec<_>>().join(", ")
    });
    fs::write(DOCS, for_docs(&table))?;
    fs::write(path(), format!("{before}{BEGIN}{table}{END}{after}"))
}

fn path() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "README.md"].iter().collect()
}

/// The text before, between and after the markers.
fn split(text: &str) -> Result<(&str, &str, &str), Failed> {
    let (before, rest) = text.split_once(BEGIN).ok_or("README.md has no marker before the table")?;
    let (table, after) = rest.split_once(END).ok_or("README.md has no marker after the table")?;
    Ok((before, table, after))
}

fn rows(setups: &[Setup], versions: impl Fn(usize, &Setup) -> String) -> String {
    let mut table =
        "| web server | tested | connected | what does not work |\n| --- | --- | --- | --- |\n".to_owned();
    for (row, setups) in lines(setups).iter().enumerate() {
        let ways: Vec<_> = setups.iter().map(|setup| setup.how).collect();
        let words = setups[0].deviations.iter().map(|deviation| deviation.words);
        let words: Vec<_> = words.filter(|words| !words.is_empty()).collect();
        let versions = versions(row, &setups[0]);
        let line = [setups[0].title, &versions, &ways.join("; "), &words.join("; ")].join(" | ");
        table += &format!("| {line} |\n");
    }
    table
}

/// The setups of one row: one web server, with connection methods that make no difference.
fn lines(setups: &[Setup]) -> Vec<&[Setup]> {
    let words = |setup: &Setup| setup.deviations.iter().map(|deviation| deviation.words).collect::<Vec<_>>();
    setups.chunk_by(|a, b| a.title == b.title && words(a) == words(b)).collect()
}

/// The table for the crate's page. It has two columns, since docs.rs is also read on phones.
fn for_docs(table: &str) -> String {
    let mut docs = "| web server | what does not work |\n| --- | --- |\n".to_owned();
    for row in table.lines().skip(2) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        if let [title, versions, how, words] = cells[..] {
            docs += &format!("| **{title}** {versions}: {how} | {words} |\n");
        }
    }
    docs
}

/// The versions in a row of the table.
fn versions_in(table: &str, row: usize) -> String {
    let row = table.lines().nth(row + 2).unwrap_or_default();
    row.split('|').nth(2).unwrap_or_default().trim().to_owned()
}
