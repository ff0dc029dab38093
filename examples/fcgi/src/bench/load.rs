//! Sends requests in a closed loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use tokio::task::JoinSet;

use super::client::Client;
use super::report::{Report, Tally};
use crate::failure::Failure;
use crate::get::style;

/// The end of the load.
#[derive(Debug, Clone, Copy)]
pub(super) enum Limit {
    Requests(u64),
    Time(Duration),
}

pub(super) struct Load {
    limit: Limit,
    start: Instant,
    /// Requests started so far.
    started: AtomicU64,
    bar: ProgressBar,
}

impl Load {
    pub(super) fn new(limit: Limit) -> Self {
        let bar = match limit {
            Limit::Requests(requests) => {
                ProgressBar::new(requests).with_style(style("{bar:40} {pos} of {len}, {per_sec}, {eta}"))
            }
            Limit::Time(_) => {
                ProgressBar::no_length().with_style(style("{spinner} {pos}, {per_sec}, {elapsed}"))
            }
        };
        Self { limit, start: Instant::now(), started: AtomicU64::new(0), bar }
    }

    /// Sends requests on all connections concurrently until the limit.
    ///
    /// # Errors
    /// If a task panics.
    pub(super) async fn run(mut self, clients: Vec<Client>) -> Result<Report, Failure> {
        let connections = clients.len();
        self.start = Instant::now();
        let load = Arc::new(self);
        let mut tasks = JoinSet::new();
        for client in clients {
            let load = Arc::clone(&load);
            tasks.spawn(async move { load.send_requests(client).await });
        }
        let mut all = Tally::new();
        while let Some(tally) = tasks.join_next().await {
            all.add(&tally.map_err(|error| Failure::new(error.to_string()))?);
        }
        let time = load.start.elapsed();
        load.bar.finish_and_clear();
        Ok(Report { connections, time, tally: all })
    }

    async fn send_requests(&self, mut client: Client) -> Tally {
        /// Requests per update of the progress bar. An update for each request would distort the measurement.
        const UPDATE_INTERVAL: u64 = 256;
        let (mut tally, mut unreported) = (Tally::new(), 0);
        while self.start_next() {
            let start = Instant::now();
            let result = client.send().await;
            tally.record(start.elapsed(), result);
            unreported += 1;
            if unreported == UPDATE_INTERVAL {
                self.bar.inc(unreported);
                unreported = 0;
            }
            if tally.should_stop() {
                break;
            }
        }
        tally
    }

    /// Counts the next request. Returns `false` at the limit.
    fn start_next(&self) -> bool {
        match self.limit {
            Limit::Requests(requests) => self.started.fetch_add(1, Ordering::Relaxed) < requests,
            Limit::Time(time) => self.start.elapsed() < time,
        }
    }
}
