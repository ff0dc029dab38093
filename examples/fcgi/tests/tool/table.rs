//! Checks and updates the table in CONFORMANCE.md.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

use libtest_mimic::Trial;
use serde_json::Value;
use test_support::Result;

use crate::conformance::check;
use crate::peers::{OTHERS, OURS, Peer};

const BEGIN: &str = "<!-- table: UPDATE_CONFORMANCE=1 cargo test -p fcgi --test tool -->\n";
const END: &str = "<!-- /table -->\n";

pub(crate) fn update_requested() -> bool {
    env::var_os("UPDATE_CONFORMANCE").is_some()
}

/// Whether the table has this version of an application.
pub(crate) fn has(name: &str, version: &str) -> bool {
    fs::read_to_string(path()).is_ok_and(|text| text.contains(&format!("| {name} {version} |")))
}

/// The known faults in the tests are those in the table.
pub(crate) fn trial() -> Trial {
    test_support::trial("check/conformance_md_has_the_known_faults", || {
        let text = fs::read_to_string(path())?;
        let (_, table, _) = split(&text)?;
        let rows: Vec<Vec<_>> = table
            .lines()
            .take_while(|line| line.starts_with('|'))
            .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
            .collect();
        for (column, peer) in peers().enumerate() {
            let failing: Vec<_> =
                rows.iter().filter(|row| row[column + 3] == "**FAIL**").map(|row| row[0]).collect();
            assert_eq!(failing, peer.faults, "{}", peer.name);
        }
        Ok(())
    })
}

/// Checks all applications and rewrites the table.
pub(crate) fn update() -> Result {
    let text = fs::read_to_string(path())?;
    let (before, _, after) = split(&text)?;
    let mut found = Vec::new();
    for peer in peers() {
        let version = (peer.find)()?;
        eprintln!("{} {version}", peer.name);
        found.push((peer, version, check(peer, "3")?));
    }
    fs::write(path(), format!("{before}{BEGIN}{}{END}{after}", render(&found)?))?;
    Ok(())
}

fn render(found: &[(&Peer, String, Vec<Value>)]) -> Result<String> {
    let mut out = "| rule | section | what |".to_owned();
    for (peer, version, _) in found {
        write!(out, " {} {version} |", peer.name)?;
    }
    writeln!(out, "\n| --- | --- | --- |{}", " --- |".repeat(found.len()))?;
    let text = |rule: &Value, field: &str| rule[field].as_str().unwrap_or_default().to_owned();
    for (row, rule) in found[0].2.iter().enumerate() {
        write!(out, "| {} | {} | {} |", text(rule, "name"), text(rule, "section"), text(rule, "text"))?;
        for (_, _, rules) in found {
            let verdict = text(&rules[row], "verdict");
            write!(out, " {} |", if verdict == "fail" { "**FAIL**" } else { &verdict })?;
        }
        writeln!(out)?;
    }
    writeln!(out, "\nObserved failures:")?;
    for (peer, _, rules) in found {
        let faults: Vec<_> = rules.iter().filter(|rule| rule["verdict"] == "fail").collect();
        if !faults.is_empty() {
            writeln!(out, "\n**{}**\n", peer.name)?;
        }
        for rule in faults {
            writeln!(out, "- `{}`: {}", text(rule, "name"), text(rule, "seen"))?;
        }
    }
    Ok(out)
}

fn peers() -> impl Iterator<Item = &'static Peer> {
    std::iter::once(&OURS).chain(OTHERS)
}

fn path() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "CONFORMANCE.md"].iter().collect()
}

/// Splits the text into the parts before the table, the table, and after it.
fn split(text: &str) -> Result<(&str, &str, &str)> {
    let (before, rest) = text.split_once(BEGIN).ok_or("CONFORMANCE.md has no marker before the table")?;
    let (table, after) = rest.split_once(END).ok_or("CONFORMANCE.md has no marker after the table")?;
    Ok((before, table, after))
}
