//! What may differ, and why.

use std::fmt;

use crate::case::Setup;

/// The part of a response that differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// With it the rest of the response differs, which is not compared, except for two redirects.
    Status,
    /// Which script has responded. With it the rest differs, which is not compared.
    Script,
    Interim,
    Header(&'a str),
    /// A variable of the request, or another thing that the script has got.
    Seen(&'a str),
    Body,
    /// Whether the body is complete.
    Complete,
}

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status => f.write_str("status"),
            Self::Script => f.write_str("script"),
            Self::Interim => f.write_str("interim status"),
            Self::Header(name) => write!(f, "`{name}:`"),
            Self::Seen(name) => f.write_str(name),
            Self::Body => f.write_str("body"),
            Self::Complete => f.write_str("complete"),
        }
    }
}

/// A difference that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found<'a> {
    pub(crate) part: Part<'a>,
    pub(crate) nginx: String,
    pub(crate) gateway: String,
}

/// Differences with the same reason.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    pub(crate) reason: &'static str,
    pub(crate) rows: &'static [Row],
}

/// Permitted differences.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// The names of cases, each as a [pattern](matches); after `scripts: `, `front controller: ` or `nested: ` only in that
    /// setup. Each must occur.
    pub(crate) cases: &'static [&'static str],
    pub(crate) part: Part<'static>,
    /// A [pattern](matches); `-` is nothing.
    pub(crate) nginx: &'static str,
    pub(crate) gateway: &'static str,
}

/// A row of the tables.
pub(crate) const fn row(
    cases: &'static [&'static str],
    part: Part<'static>,
    nginx: &'static str,
    gateway: &'static str,
) -> Row {
    Row { cases, part, nginx, gateway }
}

impl Row {
    /// The index of the first of `cases` that permits a difference.
    pub(crate) fn permits(&self, setup: Setup, case: &str, found: &Found<'_>) -> Option<usize> {
        let is_same = self.part == found.part
            && matches(self.nginx, &found.nginx)
            && matches(self.gateway, &found.gateway);
        is_same.then(|| self.cases.iter().position(|pattern| is_for(pattern, setup, case))).flatten()
    }
}

fn is_for(pattern: &str, setup: Setup, case: &str) -> bool {
    let setups = Setup::ALL.map(|setup| format!("{setup}: "));
    match setups.iter().find_map(|prefix| Some((prefix, pattern.strip_prefix(prefix.as_str())?))) {
        Some((prefix, pattern)) => *prefix == format!("{setup}: ") && matches(pattern, case),
        None => matches(pattern, case),
    }
}

/// Whether a text matches a pattern, in which one `*` may stand for any text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, end)) => {
            text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end)
        }
    }
}
