//! The log lines and the labels in the deployment notes' tables for operators are those of the sources, and tests quote them.

use std::path::Path;

use libtest_mimic::Trial;
use test_support::{Result, trial};

use crate::site::Site;
use crate::sources::read_sources;

const DEPLOYMENT: &str = include_str!("../../src/deployment.md");

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("the_operators_log_lines_are_in_sources_and_tests", lines),
        trial("the_operators_labels_are_on_the_page", labels),
    ]
}

/// The cells of the rows whose first cell begins with one of these words.
fn rows(first: &[&str]) -> Vec<Vec<&'static str>> {
    let rows = DEPLOYMENT.lines().filter_map(|line| line.strip_prefix("| "));
    let rows = rows.filter(|row| first.iter().any(|word| row.starts_with(word)));
    rows.map(|row| row.split(" | ").collect()).collect()
}

/// The parts of a text between backquotes.
fn quoted(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.split('`').skip(1).step_by(2)
}

fn lines() -> Result {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (mut sources, mut tests) = (String::new(), String::new());
    for package in ["tower-fcgi", "axum-fcgi"] {
        read_sources(&workspace.join(package).join("src"), &mut |_, text| sources += text)?;
        read_sources(&workspace.join(package).join("tests"), &mut |_, text| tests += text)?;
    }
    let rows = rows(&["INFO `", "WARN `", "ERROR `"]);
    assert!(rows.len() >= 15, "{rows:?}");
    let mut missing = Vec::new();
    for line in rows.iter().flat_map(|row| quoted(row[0])) {
        for part in line.split('…').map(str::trim) {
            for (place, text) in [("the sources", &sources), ("the tests", &tests)] {
                if !text.contains(part) {
                    missing.push(format!("{part:?} is not in {place}"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    Ok(())
}

fn labels() -> Result {
    let page = Site::start(1)?.page("openmetrics")?.body;
    let mut count = 0;
    for row in rows(&["`Fcgi"]) {
        // "by `reason`: `allow_list`, a stranger connects; `no_descriptor`, …"
        let Some(meaning) = row[1].strip_prefix("by ") else { continue };
        let mut words = quoted(meaning);
        let label = words.next().ok_or("no label")?;
        for value in words {
            let pair = format!("{label}=\"{value}\"");
            assert!(page.contains(&pair), "{} names {pair}, which is not on the page", row[0]);
            count += 1;
        }
    }
    assert!(count >= 20, "{count}");
    Ok(())
}
