//! The file of a unix socket.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A file that was made by binding a socket, removed when this is dropped if it is still that file.
#[derive(Debug)]
pub(super) struct SocketFile {
    /// Absolute, since the working directory may have changed when the file is to be removed.
    path: PathBuf,
    identity: Identity,
}

/// What tells a file from another one that has its path now. The system does not give the number of a socket's
/// file to another one as long as the socket is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub(super) fn of(metadata: &fs::Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    pub(super) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self::of(&fs::symlink_metadata(path)?))
    }
}

impl SocketFile {
    pub(super) fn made_at(path: PathBuf) -> io::Result<Self> {
        let identity = Identity::at(&path)?;
        Ok(Self { path, identity })
    }

    pub(super) fn is_still_there(&self) -> bool {
        Identity::at(&self.path).is_ok_and(|identity| identity == self.identity)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.is_still_there()
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!(path = %self.path.display(), %error, "the socket's file could not be removed");
        }
    }
}
