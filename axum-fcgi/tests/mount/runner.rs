//! Tests that need a program, and tests that do not.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use libtest_mimic::{Completion, Failed, Trial};
use tokio::time::timeout;

/// Runs a test on its own runtime. The limit turns a hang into a failure.
pub(crate) fn block_on(test: impl Future<Output = ()>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { timeout(Duration::from_secs(120), test).await })?;
    Ok(())
}

/// A test with a requirement. If that is `Err`, the test is ignored with this reason; with `CI=true` it
/// fails.
pub(crate) fn needs<T: Send + 'static>(
    name: impl Into<String>,
    found: Result<T, String>,
    test: impl FnOnce(T) -> Result<(), Failed> + Send + 'static,
) -> Trial {
    let must_run = env::var("CI").is_ok_and(|ci| ci == "true");
    Trial::ignorable_test(name, move || match found {
        Ok(found) => test(found).map(|()| Completion::Completed),
        Err(missing) if must_run => Err(format!("{missing}, and CI=true").into()),
        Err(missing) => Ok(Completion::ignored_with(missing)),
    })
}

/// The first program whose name is accepted, in PATH or in the superuser's directories.
pub(crate) fn find(what: &str, is_it: impl Fn(&str) -> bool) -> Result<PathBuf, String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let entries = directories.filter_map(|directory| fs::read_dir(directory).ok()).flatten();
    let mut files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let found =
        files.find(|path| is_it(&path.file_name().unwrap_or_default().to_string_lossy()) && path.is_file());
    found.ok_or_else(|| format!("no {what} in PATH or /usr/sbin"))
}
