//! The load: workers that act as web servers.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::pattern::Random;
use crate::scenario::{Outcome, Scenario};
use crate::tally::Tally;

/// Concurrent workers, each with a connection.
const WORKERS: u64 = 24;
/// A response that takes longer is lost.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) struct Load {
    tally: Arc<Mutex<Tally>>,
    stop: watch::Sender<bool>,
    workers: JoinSet<()>,
}

impl Load {
    pub(crate) fn start(path: &Path) -> Self {
        let tally = Arc::<Mutex<Tally>>::default();
        let (stop, stopped) = watch::channel(false);
        let mut workers = JoinSet::new();
        for seed in 0..WORKERS {
            workers.spawn(work(path.to_owned(), seed, stopped.clone(), Arc::clone(&tally)));
        }
        Self { tally, stop, workers }
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops each worker after its current request.
    pub(crate) async fn stop(mut self) -> Tally {
        let _ = self.stop.send(true);
        while self.workers.join_next().await.is_some() {}
        self.tally()
    }
}

async fn work(path: PathBuf, seed: u64, stopped: watch::Receiver<bool>, tally: Arc<Mutex<Tally>>) {
    let mut random = Random::new(seed + 1);
    let mut kept = None;
    while !*stopped.borrow() {
        let scenario = Scenario::any(&mut random);
        let ran = timeout(RESPONSE_TIMEOUT, scenario.run(&path, &mut kept, &mut random)).await;
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        match ran {
            Ok(Ok(Outcome::Right)) => tally.right(scenario),
            Ok(Ok(Outcome::Wrong(what))) => tally.add_wrong(scenario, &what),
            Ok(Err(error)) => tally.add_lost(scenario, &error),
            Err(elapsed) => tally.add_lost(scenario, &elapsed),
        }
    }
}
