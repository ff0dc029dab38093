//! php-fpm with one script.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use test_support::{PhpFpm, Result};

/// A php-fpm with two processes. It ends on drop, before its directory is removed.
pub(crate) struct Fpm {
    process: PhpFpm,
    directory: TempDir,
}

impl Fpm {
    pub(crate) fn start(program: &Path) -> Result<Self> {
        let directory = TempDir::new()?;
        fs::write(directory.path().join("index.php"), include_str!("index.php"))?;
        let process = PhpFpm::start(program, directory.path(), 2, "")?;
        Ok(Self { process, directory })
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.process.socket()
    }

    pub(crate) fn script(&self) -> String {
        self.directory.path().join("index.php").display().to_string()
    }
}
