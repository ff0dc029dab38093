//! The file of a unix socket.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The file that binding a socket created. Removed on drop, if the path still leads to it.
#[derive(Debug)]
pub(super) struct SocketFile {
    /// Absolute, because the working directory may change before the file is removed.
    path: PathBuf,
    identity: Identity,
}

/// Identifies a file, apart from its path. The system does not reuse the inode of a socket's file while the socket is
/// open.
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
    pub(super) fn created_at(path: PathBuf) -> io::Result<Self> {
        let identity = Identity::at(&path)?;
        Ok(Self { path, identity })
    }

    pub(super) fn still_exists(&self) -> bool {
        Identity::at(&self.path).is_ok_and(|identity| identity == self.identity)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.still_exists()
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!(path = %self.path.display(), %error, "removing the socket's file failed");
        }
    }
}
