//! Turns cases into tests, one per variant, and reports failures.

use std::{
    any::Any,
    fmt,
    panic::{self, AssertUnwindSafe},
    time::Duration,
};

use futures_util::future::BoxFuture;
use libtest_mimic::{Failed, Trial};
use test_support::needs;
use tokio::runtime;

use crate::{
    matrix::{Selection, Variant, variants},
    nginx::Installed,
    prefix::Prefix,
    site::Place,
};

pub(crate) type Outcome = Result<(), Failed>;

/// The body of a test.
type Run = fn(Place) -> BoxFuture<'static, Outcome>;

/// A test, and the variants to run it in.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) over: Selection,
    pub(crate) run: Run,
}

/// Turns a hang into a failure; no test measures time with it.
const LIMIT: Duration = Duration::from_secs(60);

/// A panic whose message starts with this is part of its test.
pub(crate) const ON_PURPOSE: &str = "on purpose:";

/// One test for each case and each of its variants.
pub(crate) fn trials(cases: &[Case]) -> Vec<Trial> {
    let nginx = Installed::find();
    let mut trials = Vec::new();
    for case in cases {
        let run = case.run;
        for variant in variants().filter(|variant| (case.over)(*variant)) {
            let nginx = nginx.clone();
            let name = format!("{}/{variant}", case.name);
            trials.push(needs(name, nginx, move |nginx| perform(run, variant, &nginx)));
        }
    }
    trials
}

fn perform(run: Run, variant: Variant, nginx: &Installed) -> Outcome {
    let prefix = Prefix::new().map_err(context("no prefix for nginx"))?;
    let place = Place::new(variant, nginx, prefix.path());
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(context("no runtime"))?;
    let ended = panic::catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async { tokio::time::timeout(LIMIT, run(place)).await })
    }));
    // A drop would wait for blocking tasks, and a failed test may have left some.
    runtime.shutdown_background();
    let failure = match ended {
        Ok(Ok(Ok(()))) => return prefix.remove().map_err(context("cannot remove the prefix")),
        Ok(Ok(Err(failed))) => failed.message().unwrap_or_default().to_owned(),
        Ok(Err(_)) => format!("timed out after {} s", LIMIT.as_secs()),
        Err(panic) => panic_text(&*panic).to_owned(),
    };
    Err(format!("{failure}\nnginx's files are kept in {}", prefix.path().display()).into())
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
