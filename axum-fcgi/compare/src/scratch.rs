//! A temporary directory for sockets and the web server's files.

use std::{
    cell::Cell,
    env, fs, io,
    path::{Path, PathBuf},
    process,
};

/// A new directory, removed on drop.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    names: Cell<usize>,
}

impl Scratch {
    pub(crate) fn new() -> io::Result<Self> {
        // Short, since the path of a unix socket is limited to about 100 bytes.
        let path = env::temp_dir().join(format!("fcgi-compare-{}", process::id()));
        fs::create_dir(&path)?;
        Ok(Self { path, names: Cell::new(0) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A new path in the directory.
    pub(crate) fn new_path(&self, name: &str) -> PathBuf {
        self.names.set(self.names.get() + 1);
        self.path.join(format!("{name}-{}", self.names.get()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("compare: failed to remove {}: {error}", self.path.display());
        }
    }
}
