//! Counts of the load's results.

use std::collections::BTreeMap;
use std::fmt;

use crate::scenario::Scenario;

/// Correct responses by scenario, and the failures.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    right: BTreeMap<Scenario, u64>,
    wrong: u64,
    lost: u64,
    /// The first failures.
    examples: Vec<String>,
}

/// Failures that are printed.
const MAX_EXAMPLES: usize = 10;

impl Tally {
    pub(crate) fn right(&mut self, scenario: Scenario) {
        *self.right.entry(scenario).or_default() += 1;
    }

    pub(crate) fn add_wrong(&mut self, scenario: Scenario, what: &str) {
        self.wrong += 1;
        self.add_example(format!("wrong: {scenario:?}: {what}"));
    }

    pub(crate) fn add_lost(&mut self, scenario: Scenario, what: &dyn fmt::Display) {
        self.lost += 1;
        self.add_example(format!("lost: {scenario:?}: {what}"));
    }

    pub(crate) const fn wrong(&self) -> u64 {
        self.wrong
    }

    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }

    /// Returns the number of correct responses.
    pub(crate) fn all_right(&self) -> u64 {
        self.right.values().sum()
    }

    /// Whether each scenario ran at least once and none failed.
    pub(crate) fn is_good(&self) -> bool {
        self.wrong == 0 && self.lost == 0 && self.right.len() == Scenario::KINDS
    }

    fn add_example(&mut self, what: String) {
        if self.examples.len() < MAX_EXAMPLES {
            self.examples.push(what);
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (scenario, count) in &self.right {
            writeln!(f, "{count:>9} {scenario:?}")?;
        }
        write!(f, "{:>9} in all", self.all_right())?;
        for example in &self.examples {
            write!(f, "\n{example}")?;
        }
        Ok(())
    }
}
