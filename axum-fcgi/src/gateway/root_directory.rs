//! Resolves the document root for each request.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// A directory. Its path may lead over symbolic links, which may be switched at any time.
#[derive(Debug)]
pub(super) struct RootDirectory {
    /// As it was given.
    path: PathBuf,
    /// Where it led last.
    resolved: RwLock<Option<Resolved>>,
}

/// A directory, and its path without symbolic links.
#[derive(Debug, Clone)]
struct Resolved {
    id: DirectoryId,
    path: Arc<Path>,
}

/// The device and the inode of a directory, which identify it as long as it exists. `None` on systems where std reads none.
type DirectoryId = Option<(u64, u64)>;

impl RootDirectory {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, resolved: RwLock::new(None) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of the directory without symbolic links.
    ///
    /// The last result is used again while both paths lead to the same directory. This takes two system calls, and one if they
    /// are the same path; resolving takes one for each name.
    pub(super) fn resolve(&self) -> io::Result<Arc<Path>> {
        let id = directory_id(&self.path)?;
        let last = self.resolved.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(last) = last
            && id.is_some()
            && last.id == id
            && (*last.path == *self.path || directory_id(&last.path).is_ok_and(|last| last == id))
        {
            return Ok(last.path);
        }
        let path: Arc<Path> = self.path.canonicalize()?.into();
        let resolved = Resolved { id, path: Arc::clone(&path) };
        *self.resolved.write().unwrap_or_else(PoisonError::into_inner) = Some(resolved);
        Ok(path)
    }
}

#[cfg(unix)]
fn directory_id(path: &Path) -> io::Result<DirectoryId> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = path.metadata()?;
    Ok(Some((metadata.dev(), metadata.ino())))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as on unix")]
fn directory_id(_: &Path) -> io::Result<DirectoryId> {
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

    #[test]
    fn a_directory_that_becomes_a_link_is_resolved() {
        let directory = TempDir::new().unwrap();
        let at = |name: &str| directory.path().canonicalize().unwrap().join(name);
        fs::create_dir(at("current")).unwrap();
        fs::create_dir(at("next")).unwrap();
        let root = RootDirectory::new(at("current"));
        assert_eq!(*root.resolve().unwrap(), at("current"));
        fs::rename(at("current"), at("last")).unwrap();
        symlink("next", at("current")).unwrap();
        assert_eq!(*root.resolve().unwrap(), at("next"));
    }
}
