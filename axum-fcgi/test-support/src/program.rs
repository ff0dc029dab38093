//! Installed programs.

use std::path::PathBuf;
use std::{env, fs};

/// The first program in PATH, `/usr/sbin` or `/usr/local/sbin` whose name `is_wanted` accepts. Programs for the superuser may
/// lie where the PATH of other users does not look.
#[must_use]
pub fn find_program(is_wanted: impl Fn(&str) -> bool) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let entries = directories.filter_map(|directory| fs::read_dir(directory).ok()).flatten();
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| is_wanted(&path.file_name().unwrap_or_default().to_string_lossy()) && path.is_file())
}
