//! Programs that may be installed, and tests that need them.

use std::env;
use std::path::PathBuf;

use libtest_mimic::{Completion, Failed, Trial};

/// Finds the first of these programs that is installed. Besides PATH it looks in `/usr/sbin` and `/usr/local/sbin`, where
/// distributions put web servers and where the PATH of ordinary users does not look.
///
/// # Errors
/// If none is installed. The error names the first.
pub fn find_program(names: &[&str]) -> Result<PathBuf, String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories: Vec<_> =
        env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from)).collect();
    let mut programs =
        names.iter().flat_map(|name| directories.iter().map(move |directory| directory.join(name)));
    let found = programs.find(|program| program.is_file());
    found.ok_or_else(|| format!("no {} in PATH or /usr/sbin", names.first().unwrap_or(&"program")))
}

/// A test that needs something that may not be installed. If `found` is an error, the test is ignored with that reason; with
/// `CI=true` it fails.
pub fn needs<T, E>(
    name: impl Into<String>,
    found: Result<T, String>,
    test: impl FnOnce(T) -> Result<(), E> + Send + 'static,
) -> Trial
where
    T: Send + 'static,
    E: Into<Failed>,
{
    let must_run = env::var("CI").is_ok_and(|ci| ci == "true");
    Trial::ignorable_test(name, move || match found {
        Ok(found) => test(found).map(|()| Completion::Completed).map_err(Into::into),
        Err(missing) if must_run => Err(format!("{missing}, and CI=true").into()),
        Err(missing) => Ok(Completion::ignored_with(missing)),
    })
}
