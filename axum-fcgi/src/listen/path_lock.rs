//! One process at a time binds a path.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags};
use rustix::io::Errno;

use super::error::about;
use super::socket_file::Identity;

/// Held while a socket's path is taken: a lock on a file beside it, which is removed with this.
///
/// Only whoever may write to the directory can have such a file, and nobody else can open it. A process that is
/// killed leaves the file but not the lock.
#[derive(Debug)]
pub(super) struct PathLock {
    /// Open as long as the lock is to be held.
    _locked: File,
    file: PathBuf,
}

impl PathLock {
    /// # Errors
    /// When another process holds it, for the short time that binding takes, or the file cannot be made.
    pub(super) fn take(path: &Path) -> io::Result<Self> {
        let file = beside(path);
        loop {
            let locked = open(&file).map_err(|error| about(file.display(), &error))?;
            match rustix::fs::flock(&locked, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK) => {
                    let text = "another process is about to listen there";
                    return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
                }
                held => held?,
            }
            // Who held it before may have removed the file after it was opened here: then this is a lock on
            // nothing.
            let held = Identity::of(&locked.metadata()?);
            if Identity::at(&file).is_ok_and(|there| there == held) {
                return Ok(Self { _locked: locked, file });
            }
        }
    }
}

impl Drop for PathLock {
    fn drop(&mut self) {
        // While it is still locked, so that it is this one. One that stays does no harm.
        _ = fs::remove_file(&self.file);
    }
}

/// Nothing that a stranger may have put there is followed, waited for or changed.
fn open(file: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = File::options();
    options.create(true).write(true).truncate(false).mode(0o600).custom_flags(flags.bits().cast_signed());
    options.open(file)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".lock");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_at_a_time_and_nothing_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sock");
        let lock = PathLock::take(&path).unwrap();
        assert_eq!(PathLock::take(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(lock);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        // A process that was killed has left its file.
        fs::write(beside(&path), "").unwrap();
        drop(PathLock::take(&path).unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_stranger_put_there_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sock");
        fs::write(dir.path().join("precious"), "precious").unwrap();
        std::os::unix::fs::symlink("precious", beside(&path)).unwrap();
        let error = PathLock::take(&path).unwrap_err().to_string();
        assert!(error.contains("sock.lock"), "{error}");
        assert_eq!(fs::read_to_string(dir.path().join("precious")).unwrap(), "precious");
        fs::remove_file(beside(&path)).unwrap();
        fs::create_dir(beside(&path)).unwrap();
        PathLock::take(&path).unwrap_err();
    }
}
