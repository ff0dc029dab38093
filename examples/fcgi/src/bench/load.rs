//! Sends requests in a closed loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use tokio::task::JoinSet;
use tokio::time::interval;

use super::client::Client;
use super::report::{Report, Tally};
use crate::failure::Failure;
use crate::get::style;

/// How often the progress bar changes. By time, and not for each request: that would distort the measurement.
const REDRAW_INTERVAL: Duration = Duration::from_millis(200);

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
            Limit::Time(time) => {
                let length = time.as_millis().try_into().unwrap_or(u64::MAX);
                ProgressBar::new(length).with_style(style("{bar:40} {msg}, {eta}"))
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
        let mut redraw = interval(REDRAW_INTERVAL);
        loop {
            let tally = tokio::select! {
                tally = tasks.join_next() => tally,
                _ = redraw.tick() => {
                    load.show_progress();
                    continue;
                }
            };
            let Some(tally) = tally else { break };
            all.add(&tally.map_err(|error| Failure::new(error.to_string()))?);
        }
        let time = load.start.elapsed();
        load.bar.finish_and_clear();
        Ok(Report { connections, time, tally: all })
    }

    async fn send_requests(&self, mut client: Client) -> Tally {
        let mut tally = Tally::new();
        while self.start_next() {
            let start = Instant::now();
            let result = client.send().await;
            tally.record(start.elapsed(), result);
            if tally.should_stop() {
                break;
            }
        }
        tally
    }

    /// Shows the progress: of the requests, or of the time.
    fn show_progress(&self) {
        let started = self.started.load(Ordering::Relaxed);
        match self.limit {
            Limit::Requests(requests) => self.bar.set_position(started.min(requests)),
            Limit::Time(time) => {
                let elapsed = self.start.elapsed().min(time);
                self.bar.set_message(format!("{started} requests"));
                self.bar.set_position(elapsed.as_millis().try_into().unwrap_or(u64::MAX));
            }
        }
    }

    /// Counts the next request. Returns `false` at the limit.
    fn start_next(&self) -> bool {
        match self.limit {
            Limit::Requests(requests) => self.started.fetch_add(1, Ordering::Relaxed) < requests,
            Limit::Time(time) if self.start.elapsed() < time => {
                self.started.fetch_add(1, Ordering::Relaxed);
                true
            }
            Limit::Time(_) => false,
        }
    }
}
