//! Sends all cases to both, and checks that each difference is in a table.

use std::path::Path;

use libtest_mimic::Trial;
use test_support::{Installed, PhpFpm, Result, WebServer, needs, trial};

use crate::case::Setup;
use crate::client::send;
use crate::compare::compare;
use crate::difference::{Found, Group, Part, Row, row};
use crate::gateway::Gateway;
use crate::nginx::Nginx;
use crate::site::Site;
use crate::{cases, differences};

pub(crate) fn trials() -> Vec<Trial> {
    let found = WebServer::Nginx.find().and_then(|nginx| Ok((nginx, PhpFpm::find()?)));
    vec![
        needs("nginx/each_difference_has_a_reason", found, |(nginx, fpm)| judge(&nginx, &fpm)),
        trial("a_difference_without_a_reason_fails", || verdict(&["known", "other"], false)),
        trial("a_reason_that_no_longer_occurs_fails", || verdict(&[], false)),
        trial("a_difference_with_a_reason_passes", || verdict(&["known"], true)),
    ]
}

fn judge(nginx: &Installed, fpm: &Path) -> Result {
    let site = Site::start(fpm)?;
    let nginx = Nginx::start(nginx, &site)?;
    let gateway = Gateway::start(&site)?;
    let mut verdict = Verdict::new(&differences::ALL.concat());
    let cases = cases::all();
    for case in &cases {
        for setup in case.setups {
            match [nginx.port(*setup), gateway.port(*setup)].map(|port| send(port, case, *setup)) {
                [Ok(theirs), _] if theirs.is_unknown() => {
                    verdict.wrong.push(format!("{}: site/respond.php has no such response", case.name));
                }
                [Ok(theirs), Ok(ours)] => verdict.add(*setup, &case.name, compare(&theirs, &ours)),
                results => {
                    let errors = results
                        .map(|result| result.err().map_or_else(String::new, |error| error.to_string()));
                    verdict.wrong.push(format!("{setup}: {}: {errors:?}", case.name));
                }
            }
        }
    }
    println!("{} cases, {} requests to each", cases.len(), verdict.requests);
    verdict.finish()
}

/// What is known about the differences so far.
struct Verdict {
    /// Each row with its group, and the differences that each of its cases permits, as lines.
    rows: Vec<(Group, Row, Vec<Vec<String>>)>,
    wrong: Vec<String>,
    requests: usize,
}

impl Verdict {
    fn new(groups: &[Group]) -> Self {
        let rows = groups
            .iter()
            .flat_map(|group| group.rows.iter().map(|row| (*group, *row, vec![Vec::new(); row.cases.len()])));
        Self { rows: rows.collect(), wrong: Vec::new(), requests: 0 }
    }

    fn add(&mut self, setup: Setup, case: &str, differences: Vec<Found<'_>>) {
        self.requests += 1;
        for found in differences {
            let line = format!("{setup}: {case} | {} | {} | {}", found.part, found.nginx, found.gateway);
            let permitted = self.rows.iter_mut().find_map(|(_, row, lines)| {
                let index = row.permits(setup, case, &found)?;
                Some(&mut lines[index])
            });
            permitted.unwrap_or(&mut self.wrong).push(line);
        }
    }

    /// Prints the differences that are permitted, by reason.
    ///
    /// # Errors
    /// There are others, or rows that permit none.
    fn finish(mut self) -> Result {
        let mut reason = "";
        for (group, row, lines) in &self.rows {
            if group.reason != reason {
                reason = group.reason;
                println!("\n{reason}");
            }
            for (case, lines) in row.cases.iter().zip(lines) {
                match &lines[..] {
                    [] => self.wrong.push(format!("no longer occurs: {case}: {row:?}")),
                    [line] => println!("  {line}"),
                    [line, ..] => println!("  {line} | {} times", lines.len()),
                }
            }
        }
        if self.wrong.is_empty() { Ok(()) } else { Err(self.wrong.join("\n").into()) }
    }
}

/// Whether cases pass for which nginx responds with 200 and the gateway with 404, which is in a table for `known`.
fn verdict(cases: &[&str], passes: bool) -> Result {
    const KNOWN: &[Row] = &[row(&["known"], Part::Status, "200", "404")];
    let mut verdict = Verdict::new(&[Group { reason: "known", rows: KNOWN }]);
    for case in cases {
        let found = Found { part: Part::Status, nginx: "200".to_owned(), gateway: "404".to_owned() };
        verdict.add(Setup::Scripts, case, vec![found]);
    }
    match (verdict.finish(), passes) {
        (Ok(()), false) => Err("it passed".into()),
        (Err(error), true) => Err(error),
        _ => Ok(()),
    }
}
