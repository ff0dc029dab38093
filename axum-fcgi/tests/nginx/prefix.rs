//! The private directory of an nginx.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicUsize, Ordering},
};

/// A new directory for nginx's files, the unix socket and other files of a test.
///
/// Not removed on drop: after a failure, nginx's files are the best evidence.
#[derive(Debug)]
pub(crate) struct Prefix(PathBuf);

impl Prefix {
    pub(crate) fn new() -> io::Result<Self> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        loop {
            // Short, since the path of a unix socket in it is limited to some 100 bytes.
            let name = format!("fcgi-nginx-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let path = env::temp_dir().join(name);
            match fs::create_dir(&path) {
                // An earlier process with the same id has left it behind.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(Self(path)),
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn remove(self) -> io::Result<()> {
        fs::remove_dir_all(self.0)
    }
}
