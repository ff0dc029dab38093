//! Resolves the document root for each request.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// A directory. Its path may lead over symbolic links, which may be switched at any time.
#[derive(Debug)]
pub(super) struct RootDirectory {
    /// As it was given.
    path: PathBuf,
    /// Where it led last, without symbolic links.
    resolved: RwLock<Option<Arc<Path>>>,
}

impl RootDirectory {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, resolved: RwLock::new(None) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of the directory without symbolic links.
    ///
    /// The last result is used again while both paths lead to the same directory. This takes two system calls; resolving
    /// takes one for each name.
    pub(super) fn resolve(&self) -> io::Result<Arc<Path>> {
        let directory = directory_id(&self.path)?;
        let last = self.resolved.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(last) = last
            && directory.is_some()
            && directory_id(&last).is_ok_and(|last| last == directory)
        {
            return Ok(last);
        }
        let resolved: Arc<Path> = self.path.canonicalize()?.into();
        *self.resolved.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&resolved));
        Ok(resolved)
    }
}

/// The device and the inode of a directory, which identify it as long as it exists.
#[cfg(unix)]
fn directory_id(path: &Path) -> io::Result<Option<(u64, u64)>> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = path.metadata()?;
    Ok(Some((metadata.dev(), metadata.ino())))
}

/// Other systems have no identifier that std can read.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as on unix")]
fn directory_id(_: &Path) -> io::Result<Option<(u64, u64)>> {
    Ok(None)
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_moved_or_replaced_directory_is_found() {
        let directory = TempDir::new().unwrap();
        let at = |name: &str| directory.path().canonicalize().unwrap().join(name);
        let link = |target: &str, name: &str| {
            symlink(target, at("next")).unwrap();
            fs::rename(at("next"), at(name)).unwrap();
        };
        fs::create_dir_all(at("releases/41/public")).unwrap();
        link("releases/41", "current");
        let root = RootDirectory::new(at("current/public"));
        let check = |expected: &str| assert_eq!(*root.resolve().unwrap(), at(expected));
        check("releases/41/public");
        check("releases/41/public");
        // The same directory has another path: its inode and times are the old ones.
        fs::rename(at("releases/41"), at("releases/42")).unwrap();
        link("releases/42", "current");
        check("releases/42/public");
        fs::rename(at("releases"), at("moved")).unwrap();
        link("moved/42", "current");
        check("moved/42/public");
        // A new directory, perhaps with the inode of the old one.
        fs::remove_dir_all(at("moved/42")).unwrap();
        root.resolve().unwrap_err();
        fs::create_dir_all(at("moved/43/public")).unwrap();
        link("moved/43", "current");
        check("moved/43/public");
        // The old release stays.
        fs::create_dir_all(at("moved/44/public")).unwrap();
        link("moved/44", "current");
        check("moved/44/public");
        link("moved/43", "current");
        check("moved/43/public");
    }
}
