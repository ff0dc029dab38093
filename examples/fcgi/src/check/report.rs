//! The results, two lines per rule.

use std::io::{self, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use super::rule::{Found, Rule, Verdict};

pub(super) struct Report {
    pub(super) address: String,
    pub(super) timeout: Duration,
    pub(super) lines: Vec<Line>,
}

pub(super) struct Line {
    pub(super) rule: &'static Rule,
    pub(super) found: Found,
}

impl Line {
    const fn verdict(&self) -> &'static str {
        match &self.found {
            Err(_) => "FAIL",
            Ok(seen) => match seen.verdict {
                Verdict::Pass => "pass",
                Verdict::NotApplicable => "n/a",
                Verdict::Skipped => "skipped",
            },
        }
    }

    fn seen(&self) -> &str {
        match &self.found {
            Ok(seen) => &seen.text,
            Err(fault) => &fault.0,
        }
    }

    fn style(&self) -> Style {
        match self.verdict() {
            "FAIL" => AnsiColor::Red.on_default().bold(),
            "pass" => AnsiColor::Green.on_default(),
            _ => Style::new().dimmed(),
        }
    }
}

impl Report {
    /// Returns the number of broken rules.
    pub(super) fn broken(&self) -> usize {
        self.lines.iter().filter(|line| line.found.is_err()).count()
    }

    /// # Errors
    /// If writing fails.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        for line in &self.lines {
            let (style, rule) = (line.style(), line.rule);
            writeln!(
                out,
                "{style}{:<7}{style:#} {:<16} {:<22} {}",
                line.verdict(),
                rule.section,
                rule.name,
                rule.text
            )?;
            writeln!(out, "{:47} {}", "", line.seen())?;
        }
        let count = |verdict| self.lines.iter().filter(|line| line.verdict() == verdict).count();
        writeln!(
            out,
            "\n{}: {} pass, {} FAIL, {} n/a, {} skipped; waited at most {} s for each event",
            self.address,
            count("pass"),
            self.broken(),
            count("n/a"),
            count("skipped"),
            self.timeout.as_secs_f64()
        )
    }

    pub(super) fn json(&self) -> Value {
        let rules = self.lines.iter().map(|line| {
            json!({
                "name": line.rule.name,
                "section": line.rule.section,
                "text": line.rule.text,
                "verdict": line.verdict().to_lowercase(),
                "seen": line.seen(),
            })
        });
        json!({
            "address": self.address,
            "timeout_seconds": self.timeout.as_secs_f64(),
            "broken": self.broken(),
            "rules": rules.collect::<Value>(),
        })
    }
}
