//! Runs a test.

use std::time::Duration;

use libtest_mimic::Failed;
use tokio::time::timeout;

/// Runs a test on its own runtime. The limit turns a hang into a failure.
pub(crate) fn block_on(test: impl Future<Output = ()>) -> Result<(), Failed> {
    block_on_within(Duration::from_secs(120), test)
}

/// The same with another limit, for many requests.
pub(crate) fn block_on_within(limit: Duration, test: impl Future<Output = ()>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { timeout(limit, test).await })?;
    Ok(())
}
