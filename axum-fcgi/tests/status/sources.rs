//! The source files of the libraries.

use std::fs;
use std::path::Path;

use test_support::Result;

/// Calls `visit` with each file below a directory that ends in `.rs`, and its text.
pub(crate) fn read_sources(directory: &Path, visit: &mut dyn FnMut(&Path, &str)) -> Result {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            read_sources(&path, visit)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            visit(&path, &fs::read_to_string(&path)?);
        }
    }
    Ok(())
}
