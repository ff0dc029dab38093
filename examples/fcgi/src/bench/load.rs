//! A closed loop of requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use tokio::task::JoinSet;

use super::asker::Asker;
use super::report::{Report, Tally};
use crate::failure::Failure;
use crate::get::style;

/// When it is enough.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bound {
    Requests(u64),
    Time(Duration),
}

pub(super) struct Load {
    bound: Bound,
    start: Instant,
    /// Requests that were begun.
    begun: AtomicU64,
    bar: ProgressBar,
}

impl Load {
    pub(super) fn new(bound: Bound) -> Self {
        let bar = match bound {
            Bound::Requests(requests) => {
                ProgressBar::new(requests).with_style(style("{bar:40} {pos} of {len}, {per_sec}, {eta}"))
            }
            Bound::Time(_) => {
                ProgressBar::no_length().with_style(style("{spinner} {pos}, {per_sec}, {elapsed}"))
            }
        };
        Self { bound, start: Instant::now(), begun: AtomicU64::new(0), bar }
    }

    /// Asks on all connections at once until the bound.
    ///
    /// # Errors
    /// When a task has panicked.
    pub(super) async fn run(mut self, askers: Vec<Asker>) -> Result<Report, Failure> {
        let connections = askers.len();
        self.start = Instant::now();
        let load = Arc::new(self);
        let mut tasks = JoinSet::new();
        for asker in askers {
            let load = Arc::clone(&load);
            tasks.spawn(async move { load.ask(asker).await });
        }
        let mut all = Tally::new();
        while let Some(tally) = tasks.join_next().await {
            all.add(&tally.map_err(|error| Failure::new(error.to_string()))?);
        }
        let time = load.start.elapsed();
        load.bar.finish_and_clear();
        Ok(Report { connections, time, tally: all })
    }

    async fn ask(&self, mut asker: Asker) -> Tally {
        /// A bar that is told of each request would be measured as well.
        const TOLD: u64 = 256;
        let (mut tally, mut untold) = (Tally::new(), 0);
        while self.goes_on() {
            let start = Instant::now();
            let answered = asker.ask().await;
            tally.take(start.elapsed(), answered);
            untold += 1;
            if untold == TOLD {
                self.bar.inc(untold);
                untold = 0;
            }
            if tally.is_hopeless() {
                break;
            }
        }
        tally
    }

    fn goes_on(&self) -> bool {
        match self.bound {
            Bound::Requests(requests) => self.begun.fetch_add(1, Ordering::Relaxed) < requests,
            Bound::Time(time) => self.start.elapsed() < time,
        }
    }
}
