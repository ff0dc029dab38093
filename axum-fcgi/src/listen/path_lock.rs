//! Lets one process at a time bind a path.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags};
use rustix::io::Errno;

use super::error::about;
use super::folder;
use super::socket_file::Identity;

/// A lock on a file beside the socket's path, held while the path is bound. The file is removed on drop.
///
/// Only users who may write to the directory can create the file, and only its owner can open it. A killed process leaves
/// the file behind, but not the lock.
#[derive(Debug)]
pub(super) struct PathLock {
    /// The lock is held while this is open.
    _locked: File,
    file: PathBuf,
}

impl PathLock {
    /// # Errors
    /// If another process holds the lock, for the short time that binding takes, or the file cannot be created.
    pub(super) fn take(path: &Path) -> io::Result<Self> {
        let file = lock_path(path);
        loop {
            let locked = open(&file).map_err(|error| match fs::symlink_metadata(&file) {
                // The lock's file is there, and the fault is its own.
                Ok(_) => about(file.display(), &error),
                Err(_) => folder::explain(path, error),
            })?;
            match rustix::fs::flock(&locked, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK) => {
                    let text = "another process is binding this path at the same time; try again";
                    return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
                }
                held => held?,
            }
            // The previous holder may have removed the file after it was opened here. Then lock the new one.
            let held = Identity::of(&locked.metadata()?);
            if Identity::at(&file).is_ok_and(|current| current == held) {
                return Ok(Self { _locked: locked, file });
            }
        }
    }
}

impl Drop for PathLock {
    fn drop(&mut self) {
        // The lock is still held, so this removes our own file. A file that stays behind does no harm.
        _ = fs::remove_file(&self.file);
    }
}

/// Opens the lock file. Does not follow, wait for or change a file that another user may have put there.
fn open(file: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = File::options();
    options.create(true).write(true).truncate(false).mode(0o600).custom_flags(flags.bits().cast_signed());
    options.open(file)
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".lock");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_exclusive_and_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sock");
        let lock = PathLock::take(&path).unwrap();
        assert_eq!(PathLock::take(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(lock);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        // A killed process leaves the file like this.
        fs::write(lock_path(&path), "").unwrap();
        drop(PathLock::take(&path).unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_foreign_link_or_folder_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sock");
        fs::write(dir.path().join("precious"), "precious").unwrap();
        std::os::unix::fs::symlink("precious", lock_path(&path)).unwrap();
        let error = PathLock::take(&path).unwrap_err().to_string();
        assert!(error.contains("sock.lock"), "{error}");
        assert_eq!(fs::read_to_string(dir.path().join("precious")).unwrap(), "precious");
        fs::remove_file(lock_path(&path)).unwrap();
        fs::create_dir(lock_path(&path)).unwrap();
        PathLock::take(&path).unwrap_err();
    }
}
