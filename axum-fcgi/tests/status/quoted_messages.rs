//! Each notice, warning and error of the libraries is quoted by a test.

use std::path::Path;

use libtest_mimic::Trial;
use test_support::{Result, trial};

use crate::sources::read_sources;

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("each_message_is_quoted_by_a_test", quoted)]
}

/// The levels that operators read.
const LEVELS: [&str; 3] = ["info", "warn", "error"];

/// A message that is also written to STDERR, so that it is a constant.
const CONSTANT: &str = "{REASON}";

fn quoted() -> Result {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (mut messages, mut tests) = (Vec::new(), String::new());
    for package in ["tower-fcgi", "axum-fcgi"] {
        read_sources(&workspace.join(package).join("tests"), &mut |_, text| tests += text)?;
        read_sources(&workspace.join(package).join("src"), &mut |path, text| {
            let is_tests = path.components().any(|part| part.as_os_str() == "tests")
                || path.file_stem().is_some_and(|name| name.to_string_lossy().ends_with("tests"));
            let module =
                ["#[cfg(test)]\nmod ", "#[cfg(all(test"].iter().filter_map(|start| text.find(start)).min();
            let code = if is_tests { "" } else { &text[..module.unwrap_or(text.len())] };
            tests += &text[code.len()..];
            messages.extend(logged(code));
        })?;
    }
    assert!(messages.len() >= 45, "{messages:#?}");
    let is_comment = |line: &&str| line.trim_start().starts_with("//");
    let tests: String = tests.split_inclusive('\n').filter(|line| !is_comment(line)).collect();
    let tests = joined(&tests);
    let quotes: Vec<_> = tests.split('"').map(str::trim).collect();
    let missing: Vec<_> = messages
        .iter()
        .filter(|message| *message != CONSTANT && !quotes.iter().any(|quote| is_quote(quote, message)))
        .collect();
    assert!(missing.is_empty(), "no test quotes {missing:#?}");
    Ok(())
}

/// Whether a text is the message, or three words of it without values.
fn is_quote(text: &str, message: &str) -> bool {
    let has_words = |text: &str| text.split_whitespace().nth(2).is_some();
    text.contains(message)
        || has_words(text) && message.contains(text)
        || message.split(['{', '}']).any(|part| has_words(part) && text.contains(part))
}

/// The messages of code's log macros: the last text of each.
fn logged(code: &str) -> Vec<String> {
    let mut messages = Vec::new();
    for (at, _) in code.match_indices("!(") {
        let (before, arguments) = (&code[..at], &code[at + 2..]);
        let is_comment = before.lines().next_back().is_some_and(|line| line.trim_start().starts_with("//"));
        let is_ours = LEVELS.iter().any(|level| {
            before.ends_with(&format!("tracing::{level}"))
                || before.ends_with("_event") && arguments.trim_start().starts_with(&format!("{level},"))
        });
        if is_ours && !is_comment {
            messages.extend(last_text(arguments));
        }
    }
    messages
}

/// The last text in quotes before the parenthesis that closes the arguments.
fn last_text(arguments: &str) -> Option<String> {
    let (mut depth, mut last) = (1, None);
    let mut rest = arguments;
    while depth > 0 {
        let at = rest.find(['"', '(', ')'])?;
        let found = rest.as_bytes()[at];
        rest = &rest[at + 1..];
        match found {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {
                let escaped = |at: usize| rest[..at].ends_with('\\');
                let end = rest.match_indices('"').map(|(at, _)| at).find(|at| !escaped(*at))?;
                last = Some(joined(&rest[..end]).replace("\\\"", "\""));
                rest = &rest[end + 1..];
            }
        }
    }
    last
}

/// Without the ends of lines in texts.
fn joined(text: &str) -> String {
    text.split("\\\n").map(str::trim_start).collect()
}
