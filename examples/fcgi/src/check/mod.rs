//! `fcgi check`: checks an application against the rules.

mod peer;
mod records;
mod report;
mod response;
mod rule;
mod rules;
mod wire;

use std::io::{self, IsTerminal as _, Write as _};

use indicatif::ProgressBar;

use self::peer::Peer;
use self::report::{Line, Report};
use self::rule::Rule;
use crate::args::CheckArgs;
use crate::failure::{Code, Failure};
use crate::get::style;

/// # Errors
/// If the application cannot be reached.
pub(crate) async fn run(args: CheckArgs) -> Result<Code, Failure> {
    let rules = selected(&args.only)?;
    let Some(target) = args.target.clone().filter(|_| !args.list) else {
        let mut out = io::stdout().lock();
        for rule in rules {
            writeln!(out, "{:<22} {:<16} {}", rule.name, rule.section, rule.text)?;
        }
        return Ok(Code::Success);
    };
    let peer = Peer::connect_first(&args, target.clone()).await?;
    let bar = ProgressBar::new(rules.len() as u64).with_style(style("{bar:30} {pos} of {len}: {msg}"));
    let mut lines = Vec::new();
    for rule in rules {
        bar.set_message(rule.name);
        lines.push(Line { rule, found: (rule.run)(&peer).await });
        bar.inc(1);
    }
    bar.finish_and_clear();
    let report = Report { address: target.to_string(), timeout: args.timeout, lines };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report.json())?);
    } else {
        let choice = if io::stdout().is_terminal() {
            anstream::ColorChoice::Auto
        } else {
            anstream::ColorChoice::Never
        };
        report.write(&mut anstream::AutoStream::new(io::stdout(), choice))?;
    }
    Ok(if report.broken() == 0 { Code::Success } else { Code::Failed })
}

fn selected(only: &[String]) -> Result<Vec<&'static Rule>, Failure> {
    let wanted = |rule: &&Rule| only.is_empty() || only.iter().any(|part| rule.name.contains(part.as_str()));
    let rules: Vec<_> = rules::ALL.iter().copied().flatten().filter(wanted).collect();
    if rules.is_empty() {
        return Err(Failure::usage("no rule's name matches --only; `fcgi check --list` lists the rules"));
    }
    Ok(rules)
}
