//! A rule and its result.

use std::fmt;
use std::pin::Pin;

use super::peer::Peer;

/// A rule of the specification and its check.
pub(super) struct Rule {
    /// The name for `--only` and for scripts.
    pub(super) name: &'static str,
    /// The section, of FastCGI 1.0 unless it names another specification.
    pub(super) section: &'static str,
    pub(super) text: &'static str,
    pub(super) run: Run,
}

pub(super) type Run = for<'a> fn(&'a Peer) -> Pin<Box<dyn Future<Output = Found> + 'a>>;

/// The result of a check: an observation, or a fault of the application.
pub(super) type Found = Result<Seen, Fault>;

#[derive(Debug)]
pub(super) struct Seen {
    pub(super) verdict: Verdict,
    pub(super) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    /// The specification leaves it to the application.
    NotApplicable,
    /// The check needs an option that is not set.
    Skipped,
}

/// How the application breaks the rule.
#[derive(Debug)]
pub(super) struct Fault(pub(super) String);

impl Fault {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) fn pass(text: impl Into<String>) -> Found {
    Ok(Seen { verdict: Verdict::Pass, text: text.into() })
}

pub(super) fn not_applicable(text: impl Into<String>) -> Found {
    Ok(Seen { verdict: Verdict::NotApplicable, text: text.into() })
}

pub(super) fn skipped(text: impl Into<String>) -> Found {
    Ok(Seen { verdict: Verdict::Skipped, text: text.into() })
}

pub(super) fn fault<T>(text: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::new(text))
}
