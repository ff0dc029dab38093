//! Turns checks and setups into tests, and reports failures.

use std::any::Any;
use std::fmt;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use libtest_mimic::{Failed, Trial};
use test_support::needs;
use tokio::runtime;

use crate::setup::{Seen, Setup};
use crate::site::{self, Site};

pub(crate) type Outcome = Result<Seen, Failed>;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    /// Whether the check makes sense for a setup.
    pub(crate) applies: fn(&Setup) -> bool,
    pub(crate) run: fn(Site) -> BoxFuture<'static, Outcome>,
}

/// Turns a hang into a failure; no test measures time with it.
const LIMIT: Duration = Duration::from_secs(60);

/// A panic whose message starts with this is part of its test.
pub(crate) const ON_PURPOSE: &str = "on purpose:";

/// One test for each setup and check.
pub(crate) fn trials(setups: Vec<Setup>, checks: &[Check]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for setup in setups.into_iter().filter(Setup::is_wanted) {
        for deviation in &setup.deviations {
            assert!(checks.iter().any(|check| check.name == deviation.check), "{deviation:?}");
        }
        let found = setup.find();
        let setup = Arc::new(setup);
        for check in checks.iter().filter(|check| (check.applies)(&setup)) {
            let (setup, found, check) = (Arc::clone(&setup), found.clone(), *check);
            let name = format!("{}/{}", setup.name, check.name);
            trials.push(needs(name, found, move |program| perform(&setup, &program, check)));
        }
    }
    trials
}

fn perform(setup: &Arc<Setup>, program: &Path, check: Check) -> Result<(), Failed> {
    // Short, since the path of a unix socket in it is limited to some 100 bytes.
    let prefix = tempfile::Builder::new().prefix("fcgi").tempdir()?;
    // If this runs as root, Apache's children and their children run as another user.
    fs::set_permissions(prefix.path(), Permissions::from_mode(0o755))?;
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let run = async {
        let site = Site::start(setup, program, prefix.path(), check.name).await?;
        (check.run)(site).await
    };
    let ended = panic::catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async { tokio::time::timeout(LIMIT, run).await })
    }));
    // A drop would wait for blocking tasks, and a failed test may have left some.
    runtime.shutdown_background();
    let deviation = setup.deviation(check.name);
    let chance = deviation.and_then(|deviation| deviation.instead.strip_prefix("sometimes "));
    let expected = match (deviation, chance) {
        (_, Some(instead)) => Seen::instead(instead),
        (Some(deviation), None) => Seen::instead(deviation.instead),
        (None, None) => Seen::Usual,
    };
    let failure = match ended {
        Ok(Ok(Ok(seen))) if seen == expected || chance.is_some() && seen == Seen::Usual => return Ok(()),
        Ok(Ok(Ok(seen))) => format!("seen: {seen:?}, expected: {expected:?}"),
        Ok(Ok(Err(failed))) => failed.message().unwrap_or_default().to_owned(),
        Ok(Err(_)) => format!("timed out after {} s", LIMIT.as_secs()),
        Err(panic) => panic_text(&*panic).to_owned(),
    };
    Err(format!("{failure}\n{}", site::logs(prefix.path())).into())
}

/// Hides the panics that a handler raises on purpose.
pub(crate) fn silence_panics_on_purpose() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !panic_text(info.payload()).starts_with(ON_PURPOSE) {
            print(info);
        }
    }));
}

fn panic_text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("non-string panic payload")
}

/// Adds to an error what it prevented.
pub(crate) fn context<E: fmt::Display>(what: &str) -> impl FnOnce(E) -> Failed {
    move |error| format!("{what}: {error}").into()
}
