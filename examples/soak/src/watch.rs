//! Observes the server while the load runs.

use std::io;
use std::time::Duration;

use tokio::time::{Instant, interval};

use crate::load::Load;
use crate::server::Server;

/// Samples the server's memory once a second.
pub(crate) struct Watch<'a> {
    server: &'a Server,
    /// Resident bytes, one sample per second.
    memory: Vec<u64>,
}

/// Seconds between two printed lines.
const LINE: usize = 10;
/// Growth that is allowed from the second quarter to the last, as a ratio: an allocator is not exact.
const GROWTH: (u64, u64) = (11, 10);
/// Growth that is also allowed, in bytes, for short runs.
const SLACK: u64 = 4 << 20;

impl<'a> Watch<'a> {
    pub(crate) const fn new(server: &'a Server) -> Self {
        Self { server, memory: Vec::new() }
    }

    pub(crate) async fn run(&mut self, time: Duration, load: &Load) -> io::Result<()> {
        let start = Instant::now();
        let mut second = interval(Duration::from_secs(1));
        second.tick().await;
        while start.elapsed() < time {
            second.tick().await;
            self.memory.push(self.server.memory()?);
            if self.memory.len().is_multiple_of(LINE) {
                let tally = load.tally();
                println!(
                    "{:>6} s {:>9} right {:>3} wrong {:>3} lost {:>7} KiB {:>4} descriptors",
                    start.elapsed().as_secs(),
                    tally.all_right(),
                    tally.wrong(),
                    tally.lost(),
                    self.memory.last().unwrap_or(&0) / 1024,
                    self.server.descriptors()?
                );
            }
        }
        Ok(())
    }

    /// Whether memory did not grow from the second quarter to the last. The first quarter is for warming up.
    pub(crate) fn is_flat(&self) -> bool {
        let (early, late) = self.quarters();
        late <= early * GROWTH.0 / GROWTH.1 + SLACK
    }

    pub(crate) fn memory(&self) -> String {
        let (early, late) = self.quarters();
        format!("memory: {} KiB in the second quarter, {} KiB in the last", early / 1024, late / 1024)
    }

    /// Returns the medians of the second quarter and the last.
    fn quarters(&self) -> (u64, u64) {
        let quarter = self.memory.len() / 4;
        let median = |from: usize, to: usize| {
            let mut part = self.memory[from..to].to_vec();
            part.sort_unstable();
            part.get(part.len() / 2).copied().unwrap_or(0)
        };
        (median(quarter, 2 * quarter), median(3 * quarter, self.memory.len()))
    }
}
